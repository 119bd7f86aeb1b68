"""What Anthropic refuses of a tool choice while it thinks is said before the request."""

from __future__ import annotations

from typing import Any

import pytest

from bruno_llm import InvalidRequestError
from bruno_llm.testing import FakeServer, Reply
from tests.contract.matrix import CLAUDE, USER, WAYS, Make, ask, only

pytestmark = pytest.mark.covering(1)

TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "capital",
            "description": "The capital of a country.",
            "parameters": {"type": "object", "properties": {}},
        },
    }
]
THINKING = {"type": "enabled", "budget_tokens": 1024}


@only(CLAUDE)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("thinks", [{"thinking": THINKING}, {"reasoning_effort": "low"}])
@pytest.mark.parametrize("choice", ["required", {"type": "function", "function": {"name": "x"}}])
async def test_a_forced_tool_is_refused_while_the_model_thinks(
    make: Make, server: FakeServer, way: str, thinks: dict[str, Any], choice: Any
) -> None:
    with pytest.raises(InvalidRequestError, match="no tool_choice that forces a tool"):
        await ask(make(), way, tools=TOOLS, tool_choice=choice, **thinks)
    assert not server.requests


@only(CLAUDE)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "options",
    [
        {"tool_choice": "auto", "thinking": THINKING},
        {"tool_choice": "required"},
        {"tool_choice": "required", "thinking": {"type": "disabled"}},
    ],
)
async def test_the_rest_is_sent(
    make: Make, server: FakeServer, way: str, options: dict[str, Any]
) -> None:
    server.script(Reply("Oslo."))
    assert await ask(make(), way, USER, tools=TOOLS, max_tokens=2048, **options) == "Oslo."
