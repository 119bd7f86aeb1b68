"""What tests of programs on bruno_llm need: a server, a clock, providers without a network.

The names are resolved when they are first used, so that importing this package costs nothing and
asks for no optional library.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bruno_llm.testing.cassettes import (
        CassetteError,
        Tape,
        UnrecordedRequestError,
        find_orphans,
        find_secrets,
        use_cassette,
    )
    from bruno_llm.testing.clock import MovedClock
    from bruno_llm.testing.contract import CONTRACT, check_provider
    from bruno_llm.testing.fake.gate import Gate
    from bruno_llm.testing.fake.parts import Media, ServerTool, Text, Thinking
    from bruno_llm.testing.fake.reply import Reply
    from bruno_llm.testing.fake.request import Request
    from bruno_llm.testing.fake.script import Fault, Raw
    from bruno_llm.testing.fake.server import FakeServer
    from bruno_llm.testing.fake.vectors import embedding_of
    from bruno_llm.testing.mock import MockCall, MockProvider, ScriptUsedUpError

__all__ = [
    "CONTRACT",
    "CassetteError",
    "FakeServer",
    "Fault",
    "Gate",
    "Media",
    "MockCall",
    "MockProvider",
    "MovedClock",
    "Raw",
    "Reply",
    "Request",
    "ScriptUsedUpError",
    "ServerTool",
    "Tape",
    "Text",
    "Thinking",
    "UnrecordedRequestError",
    "check_provider",
    "embedding_of",
    "find_orphans",
    "find_secrets",
    "use_cassette",
]

_HOMES = {
    "CONTRACT": "bruno_llm.testing.contract",
    "CassetteError": "bruno_llm.testing.cassettes",
    "FakeServer": "bruno_llm.testing.fake.server",
    "Fault": "bruno_llm.testing.fake.script",
    "Gate": "bruno_llm.testing.fake.gate",
    "Media": "bruno_llm.testing.fake.parts",
    "MockCall": "bruno_llm.testing.mock",
    "MockProvider": "bruno_llm.testing.mock",
    "MovedClock": "bruno_llm.testing.clock",
    "Raw": "bruno_llm.testing.fake.script",
    "Reply": "bruno_llm.testing.fake.reply",
    "Request": "bruno_llm.testing.fake.request",
    "ScriptUsedUpError": "bruno_llm.testing.mock",
    "ServerTool": "bruno_llm.testing.fake.parts",
    "Tape": "bruno_llm.testing.cassettes",
    "Text": "bruno_llm.testing.fake.parts",
    "Thinking": "bruno_llm.testing.fake.parts",
    "UnrecordedRequestError": "bruno_llm.testing.cassettes",
    "check_provider": "bruno_llm.testing.contract",
    "embedding_of": "bruno_llm.testing.fake.vectors",
    "find_orphans": "bruno_llm.testing.cassettes",
    "find_secrets": "bruno_llm.testing.cassettes",
    "use_cassette": "bruno_llm.testing.cassettes",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
