"""A provider that uses tools by itself is the provider in everything else."""

from __future__ import annotations

from bruno_llm.testing import MockProvider
from bruno_llm.tools import Tool, ToolProvider

WEATHER = Tool("weather", "What it is like.", {"type": "object"}, lambda: "sunny")


async def test_the_rest_is_the_providers() -> None:
    mock = MockProvider(default="It is sunny.", model="some-model")
    llm = ToolProvider(mock, [WEATHER])
    assert (llm.name, llm.model) == ("mock", "some-model")
    assert repr(llm) == f"ToolProvider({mock!r}, tools=1)"
    assert llm.get_token_count("four words are here") == mock.get_token_count("four words are here")
    assert await llm.list_models() == await mock.list_models()
    assert await llm.check_connection()
    llm.set_system_prompt("Be brief.")
    assert llm.get_system_prompt() == mock.get_system_prompt() == "Be brief."
    await llm.aclose()
