"""How much work one call is: counts of functions, never times."""

from __future__ import annotations

import importlib.util
import sys
import types
from collections import Counter
from pathlib import Path
from typing import Any

import openai
import pytest

from bruno_llm import OpenAIProvider
from bruno_llm.testing import FakeServer, Reply

pytestmark = pytest.mark.usefixtures("no_keys")

HISTORY = [
    {"role": ("user", "assistant")[place % 2], "content": f"Line {place}."} for place in range(201)
]


async def functions_of(package: Any, provider: OpenAIProvider, chat: Any, how: str) -> int:
    """How often a function of that package is entered during one call."""
    root = str(Path(package.__file__).parent)
    entered: Counter[str] = Counter()

    def count(frame: types.FrameType, event: str, _: Any) -> None:
        if event == "call" and frame.f_code.co_filename.startswith(root):
            entered[frame.f_code.co_name] += 1

    sys.setprofile(count)
    try:
        if how == "stream":
            assert [text async for text in provider.stream(chat)]
        else:
            assert await provider.generate(chat)
    finally:
        sys.setprofile(None)
    return entered.total()


@pytest.mark.parametrize("how", ["generate", "stream"])
async def test_openais_client_does_not_look_at_each_message(server: FakeServer, how: str) -> None:
    """It took 0.2 ms for each, 88 % of a call with a thousand of them."""
    server.default = Reply("Yes.", pieces=["Yes."])
    async with OpenAIProvider("gpt-4o-mini", base_url=server.base_url("openai")) as provider:
        await functions_of(openai, provider, HISTORY[:1], how)  # connects
        few = await functions_of(openai, provider, HISTORY[:1], how)
        many = await functions_of(openai, provider, HISTORY, how)
    assert len(server.requests[-1].json["messages"]) == len(HISTORY)
    assert few > 0
    # Less than one a message; what waits is entered again when it goes on.
    assert many - few < len(HISTORY) - 1


async def test_a_plain_call_does_not_travel_far(server: FakeServer) -> None:
    """Counted like ``python benchmarks/trace_call.py``, which prints the way itself.

    There is room for what a feature needs; a call that grows past it is to be looked at again.
    """
    path = Path(__file__).parents[1] / "benchmarks" / "trace_call.py"
    spec = importlib.util.spec_from_file_location("trace_call", path)
    assert spec is not None and spec.loader is not None
    benchmark = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(benchmark)
    async with OpenAIProvider(
        "gpt-4o-mini", base_url=server.base_url("openai"), api_key="k" * 20, retry=None
    ) as provider:
        trace = await benchmark.traced(lambda: provider.generate("Why is the sky blue?"))
    assert 40 < len(trace.functions) <= 95
    assert len({file for file, _ in trace.entered}) <= 35
    assert benchmark.changes(trace.started) <= 75
