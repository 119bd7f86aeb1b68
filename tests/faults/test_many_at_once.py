"""Hundreds of calls in one turn of the event loop: litellm has a few of them at a time."""

from __future__ import annotations

import asyncio
import os
import sys
import types
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from bruno_llm import InvalidRequestError, LiteLLMProvider, LLMError
from bruno_llm._runtime.spread import STEPS
from bruno_llm.testing import FakeServer, Fault, Reply
from tests.contract.matrix import USER, Case, ask
from tests.faults.test_places import all_free, places_of, with_places

pytestmark = pytest.mark.covering(1)

MAIN = os.path.join("litellm", "main.py")


class Begun:
    """How many calls litellm has begun, and how many at most in one turn of the event loop."""

    def __init__(self) -> None:
        self.frames: set[types.FrameType] = set()
        self.most = 0
        self._over = False

    def __call__(self, frame: types.FrameType, event: str, _: Any) -> None:
        code = frame.f_code
        if code.co_name == "acompletion" and code.co_filename.endswith(MAIN) and event == "call":
            self.frames.add(frame)

    async def _count(self) -> None:
        while not self._over:
            before = len(self.frames)
            await asyncio.sleep(0)
            self.most = max(self.most, len(self.frames) - before)

    @asynccontextmanager
    async def counted(self) -> AsyncIterator[None]:
        counting = asyncio.ensure_future(self._count())
        sys.setprofile(self)
        try:
            yield
        finally:
            sys.setprofile(None)
            self._over = True
            await counting


@pytest.mark.covering(0)
async def test_litellm_begins_a_few_in_a_turn(case: Case, server: FakeServer, way: str) -> None:
    """All of them in one turn blocked the event loop for 1 ms each."""
    provider, begun = case.provider(server), Begun()
    await ask(provider, way)
    async with begun.counted():
        answers = await asyncio.gather(*(ask(provider, way) for _ in range(30)))
    assert answers == ["Hello"] * 30
    assert len(begun.frames) == 30
    assert begun.most <= 2 * STEPS.at_once
    await all_free(provider, server)


@pytest.mark.covering(0)
async def test_litellm_begins_what_has_a_place(case: Case, server: FakeServer, way: str) -> None:
    gate, begun = server.gate(), Begun()
    provider = with_places(case, server, 3)
    await ask(provider, way)
    server.default = Reply("Hello", gate=gate)
    async with begun.counted():
        calls = [asyncio.ensure_future(ask(provider, way)) for _ in range(10)]
        places = await places_of(provider)
        await server.wait_for(lambda: places.line.waiting == 7 and len(server.requests) == 4)
        assert len(begun.frames) == 3
        calls[5].cancel()
        gate.set()
        answers = await asyncio.gather(*calls, return_exceptions=True)
    assert len(begun.frames) == 9
    assert type(answers.pop(5)) is asyncio.CancelledError
    assert answers == ["Hello"] * 9
    await all_free(provider, server)


async def test_what_is_wrong_is_said_while_others_wait(
    case: Case, server: FakeServer, way: str
) -> None:
    server.script(Fault.hang())
    provider = with_places(case, server, 1)
    first = asyncio.ensure_future(ask(provider, way))
    await server.wait_for(lambda: server.requests)
    with pytest.raises(InvalidRequestError):
        await ask(provider, way, top_p=7)
    first.cancel()
    await asyncio.wait([first])
    await all_free(provider, server)


async def test_a_call_that_litellm_refuses_leaves_its_place(no_keys: None) -> None:
    provider = LiteLLMProvider("nobody/nothing", api_key="k" * 20, retry=None)
    with pytest.raises(LLMError):
        await provider.complete(USER)
    assert (await places_of(provider)).taken == 0
