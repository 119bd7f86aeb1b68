"""Run the Python blocks of a Markdown file, one after the other, and say which of them ran.

    python run_blocks.py README.md  ->  {"0": "", "1": "NameError: ...", ...}

The blocks share their names, as a reader would type them, and may await. What they print is
dropped.
"""

from __future__ import annotations

import ast
import asyncio
import contextlib
import inspect
import io
import json
import re
import sys
import warnings
from pathlib import Path
from typing import Any

from bruno_core.models import Message, MessageRole

_BLOCK = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)
_SECONDS = 30


def run(source: str, names: dict[str, Any], loop: asyncio.AbstractEventLoop) -> str:
    """What ended a block too early; empty when nothing did."""
    try:
        code = compile(source, "<block>", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        if not code.co_flags & inspect.CO_COROUTINE:  # it may call asyncio.run() itself
            exec(code, names)
        else:
            loop.run_until_complete(asyncio.wait_for(eval(code, names), _SECONDS))
    except (Exception, SystemExit) as error:
        return f"{type(error).__name__}: {error}"
    return ""


def blocks(path: Path) -> dict[str, str]:
    messages = [Message(role=MessageRole.USER, content="Hello")]
    names: dict[str, Any] = {"__name__": "block", "messages": messages}
    names |= {"Message": Message, "MessageRole": MessageRole}
    loop = asyncio.new_event_loop()
    found = {}
    for place, source in enumerate(_BLOCK.findall(path.read_text("utf-8"))):
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            found[str(place)] = run(source, names, loop)
    loop.close()
    return found


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    print("\n" + json.dumps(blocks(Path(sys.argv[1]))))
