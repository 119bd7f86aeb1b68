"""The process of one contender: does what it is told in JSON lines, and tells what it took.

``python -m bench.worker CONTENDER URL``, in the environment that the contender is installed in.
Nothing but the standard library is imported before the contender, whose import is measured.
"""

import json
import os
import sys
import time
from importlib import import_module
from typing import Any


def memory() -> float:
    """MB that the process has in memory."""
    with open("/proc/self/status", encoding="ascii") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


def answers() -> Any:
    """The stream to the one who asks; whatever the contender prints goes nowhere."""
    line = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    return line


def imported(name: str) -> tuple[Any, dict[str, Any]]:
    """The contender's module, and what its import cost."""
    facts: dict[str, Any] = {}
    began = time.process_time()
    if name.startswith("bruno"):
        import_module("bruno_core.interfaces")
        facts["base"] = time.process_time() - began
    module = import_module(f"contenders.{name}")
    facts["import"] = time.process_time() - began
    facts["modules"] = len(sys.modules)
    facts["packages"] = sorted({name.partition(".")[0] for name in sys.modules})
    facts["rss"] = memory()
    return module, facts


async def serve(module: Any, url: str, born: dict[str, Any], line: Any) -> None:
    import asyncio

    loop = asyncio.get_running_loop()
    contender = module.Contender(url)
    print(json.dumps(born), file=line, flush=True)
    while told := await loop.run_in_executor(None, sys.stdin.readline):
        asked = json.loads(told)
        subject = import_module(f"subjects.{asked['subject']}")
        try:
            found = await subject.sample(contender, **asked["setting"])
        except Exception as error:
            found = {"error": f"{type(error).__name__}: {error}"[:300]}
        print(json.dumps(found), file=line, flush=True)
    await contender.close()


def main() -> None:
    line = answers()
    _, name, url = sys.argv
    module, born = imported(name)
    import asyncio

    asyncio.run(serve(module, url, born, line))


if __name__ == "__main__":
    main()
