"""The examples of docs/structured.md run as they stand."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from bruno_llm import Completion, ToolCall
from bruno_llm.testing import MockProvider

PAGE = Path(__file__).parents[2] / "docs" / "structured.md"


async def test_the_examples_run_as_they_stand() -> None:
    names: dict[str, Any] = {}
    for block in re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL):
        exec(compile(block, str(PAGE), "exec"), names)
    oslo = names["City"](name="Oslo")
    assert await names["capital"](MockProvider('{"name": "Oslo"}')) == oslo
    assert await names["with_facts"](MockProvider('{"name": "Oslo"}')) == (oslo, 0.0)
    call = Completion(tool_calls=(ToolCall("call_1", "population", {"city": "Oslo"}),))
    found = await names["with_tools"](MockProvider(call, '{"name": "Oslo", "people": 717710}'))
    assert found.people == 717_710
    assert await names["live"](MockProvider('{"name": "Oslo"}')) == oslo
