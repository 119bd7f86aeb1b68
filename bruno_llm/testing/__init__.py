"""What tests of programs on bruno_llm need: a server, a clock, providers without a network.

The names are resolved when they are first used, so that importing this package costs nothing and
asks for no optional library.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bruno_llm.testing.clock import MovedClock
    from bruno_llm.testing.script import Fault, Gate, Raw, Reply, Request
    from bruno_llm.testing.server import FakeServer, embedding_of

__all__ = [
    "FakeServer",
    "Fault",
    "Gate",
    "MovedClock",
    "Raw",
    "Reply",
    "Request",
    "embedding_of",
]

_HOMES = {
    "FakeServer": "bruno_llm.testing.server",
    "Fault": "bruno_llm.testing.script",
    "Gate": "bruno_llm.testing.script",
    "MovedClock": "bruno_llm.testing.clock",
    "Raw": "bruno_llm.testing.script",
    "Reply": "bruno_llm.testing.script",
    "Request": "bruno_llm.testing.script",
    "embedding_of": "bruno_llm.testing.server",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
