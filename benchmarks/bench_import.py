"""What it costs to import, and to be ready: CPU seconds, each in fresh processes that take turns.

python benchmarks/bench_import.py [rounds]
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from collections.abc import Mapping

BASE = "import bruno_core.interfaces"
READY = """
import asyncio
from bruno_llm import {name}
asyncio.run({name}("some-model", api_key="k" * 20, base_url="http://127.0.0.1:9/v1").warm_up())
"""
PROGRAMS: Mapping[str, str] = {
    BASE: BASE,
    "import bruno_llm": "import bruno_llm",
    "import httpx": "import httpx",
    "from bruno_llm import OpenAIProvider": "from bruno_llm import OpenAIProvider",
    "from bruno_llm import LLMFactory": "from bruno_llm import LLMFactory",
    "preload(wait=True)": "import bruno_llm; bruno_llm.preload(wait=True)",
    "OpenAIProvider().warm_up()": READY.format(name="OpenAIProvider"),
    "ClaudeProvider().warm_up()": READY.format(name="ClaudeProvider"),
}
MEASURE = """
import time
exec({program!r}, {{}})
import sys
print(time.process_time(), len(sys.modules))
"""


def measured(program: str) -> tuple[float, int]:
    """CPU seconds of the process until the program is through, and modules imported."""
    code = MEASURE.format(program=program)
    # Compiled, as pip leaves it; the first round of a checkout that is not compiles it.
    env = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=env)
    seconds, modules = done.stdout.split()
    return float(seconds), int(modules)


def main() -> None:
    """Print one line a program."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    found: dict[str, list[tuple[float, int]]] = {name: [] for name in PROGRAMS}
    for _ in range(rounds):
        for name, program in PROGRAMS.items():
            found[name].append(measured(program))
    base = statistics.median(seconds for seconds, _ in found[BASE])
    print(f"{'':40} {'CPU s':>7} {'ratio':>7} {'modules':>8}")
    for name, runs in found.items():
        seconds = statistics.median(seconds for seconds, _ in runs)
        print(f"{name:40} {seconds:7.3f} {seconds / base:7.2f} {runs[0][1]:8}")


if __name__ == "__main__":
    main()
