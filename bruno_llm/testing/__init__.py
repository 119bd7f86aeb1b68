"""What tests of programs on bruno_llm need: a server, a clock, providers without a network.

The names are resolved when they are first used, so that importing this package costs nothing and
asks for no optional library.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bruno_llm._runtime.names import found_later

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
    "bruno_llm.testing.contract": ("CONTRACT", "check_provider"),
    "bruno_llm.testing.cassettes": (
        "CassetteError",
        "Tape",
        "UnrecordedRequestError",
        "find_orphans",
        "find_secrets",
        "use_cassette",
    ),
    "bruno_llm.testing.fake.server": ("FakeServer",),
    "bruno_llm.testing.fake.script": ("Fault", "Raw"),
    "bruno_llm.testing.fake.gate": ("Gate",),
    "bruno_llm.testing.fake.parts": ("Media", "ServerTool", "Text", "Thinking"),
    "bruno_llm.testing.mock": ("MockCall", "MockProvider", "ScriptUsedUpError"),
    "bruno_llm.testing.clock": ("MovedClock",),
    "bruno_llm.testing.fake.reply": ("Reply",),
    "bruno_llm.testing.fake.request": ("Request",),
    "bruno_llm.testing.fake.vectors": ("embedding_of",),
}


if not TYPE_CHECKING:
    __getattr__ = found_later(__name__, _HOMES)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
