"""Names of bruno-llm 0.2.0, asked for without their warnings."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
import warnings
from typing import Any

from bruno_core.models.message import Message, MessageRole

HELLO = [Message(role=MessageRole.USER, content="Hello")]
OLD = "ignore:.* is of bruno-llm 0.2.0:DeprecationWarning"


def old(module: str, name: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return getattr(importlib.import_module(module), name)


def base(name: str) -> Any:
    return old("bruno_llm.base", name)


def fresh(code: str) -> Any:
    """What a program prints as JSON, in an interpreter of its own."""
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


def conversation(*texts: str) -> list[Message]:
    system = Message(role=MessageRole.SYSTEM, content="s")
    return [system, *(Message(role=MessageRole.USER, content=text) for text in texts)]
