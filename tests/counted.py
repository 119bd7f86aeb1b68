"""Hand the lines that slipcover counted to coverage, which knows what to leave out and what to ask.

``python -m tests.counted FILE`` behind ``python -m slipcover --json --out FILE``.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from coverage import CoverageData

ROOT = Path(__file__).parents[1]


def hand_over(counted: Path) -> None:
    """Write ``.coverage`` anew, with every module of the package, run or not."""
    files = json.loads(counted.read_text("utf-8"))["files"]
    data = CoverageData(str(ROOT / ".coverage"))
    data.erase()
    data.add_lines(
        {str(ROOT / name): facts["executed_lines"] for name, facts in sorted(files.items())}
    )
    data.touch_files(str(path) for path in sorted((ROOT / "bruno_llm").rglob("*.py")))
    data.write()


if __name__ == "__main__":
    hand_over(Path(sys.argv[1]))
