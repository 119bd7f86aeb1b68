"""Install those that are compared with into environments of their own, under ``.venv-rivals/``.

python benchmarks/rivals.py [name ...]
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from contenders import COLUMNS, Column

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / ".venv-rivals"
PIP = ("-m", "pip", "install", "--quiet", "--disable-pip-version-check")


def python_of(column: Column) -> str | None:
    """The interpreter that the contender is installed for; ``None`` where it is not installed."""
    if column.rival is None:
        return sys.executable
    python = FOLDER / column.rival / "bin" / "python"
    return str(python) if (FOLDER / column.rival / ".done").exists() else None


def install(column: Column) -> None:
    assert column.rival is not None
    home = FOLDER / column.rival
    subprocess.run([sys.executable, "-m", "venv", "--clear", home], check=True)
    limits = ("--constraint", ROOT / "constraints.txt")
    subprocess.run([home / "bin" / "python", *PIP, *limits, *column.wants], check=True)
    (home / ".done").touch()


def main() -> None:
    chosen = sys.argv[1:]
    for column in COLUMNS:
        if column.rival is not None and (not chosen or column.rival in chosen):
            if python_of(column) is None:
                install(column)
            print(f"{column.title} is installed")


if __name__ == "__main__":
    main()
