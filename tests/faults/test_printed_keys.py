"""A logger that prints the frames of a failed call, with their variables, prints no key."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from bruno_llm import LLMError, Retry, Timeout
from bruno_llm.embeddings import GeminiEmbedder, OllamaEmbedder, OpenAIEmbedder
from bruno_llm.testing import FakeServer, Fault, Raw
from tests.contract.matrix import CASES, GEMINI, OPENAI, USER, Case, ask
from tests.planted import KEY, foreign_frames, held, printed

pytestmark = pytest.mark.usefixtures("no_keys")

SAID = f"no: {KEY}"
FAULTS: dict[str, Any] = {
    **{str(status): Fault.status(status, message=SAID) for status in (400, 401, 404, 429, 500)},
    "html": Fault.html(),
    "malformed": Fault.malformed(),
    "echo": Raw(502, {"content-type": "text/plain", "x-echo": KEY}, SAID.encode()),
    "event": Fault.error_event(0, message=SAID),
    "event later": Fault.error_event(2, message=SAID),
    "cut": Fault.cut(2),
    "reset": Fault.reset(),
    "empty": Fault.empty(),
}
EMBEDDERS = {"openai": OpenAIEmbedder, "gemini": GeminiEmbedder, "ollama": OllamaEmbedder}


def assert_clean(error: BaseException) -> None:
    """Nothing that it holds has the key, and it went through no frames but ours."""
    assert [where for where, text in held(error) if KEY in text] == []
    assert foreign_frames(error) == []


async def failure(call: Any) -> LLMError:
    with pytest.raises(LLMError) as caught:
        await call
    return caught.value


@pytest.mark.parametrize("name", FAULTS)
@pytest.mark.parametrize("way", ["complete", "stream_events"])
@pytest.mark.parametrize("case", CASES, ids=str)
async def test_a_failed_call(case: Case, server: FakeServer, name: str, way: str) -> None:
    server.default = FAULTS[name]
    provider = case.provider(server, api_key=KEY, retry=Retry(attempts=2, wait_max=0))
    assert_clean(await failure(ask(provider, way)))


@pytest.mark.parametrize("way", ["complete", "stream_events"])
@pytest.mark.parametrize("limit", ["read", "first_token", "total"])
@pytest.mark.parametrize("case", CASES, ids=str)
async def test_a_limit_of_time(case: Case, server: FakeServer, way: str, limit: str) -> None:
    server.default = Fault.hang()
    limits = {"read": 0.05} if limit == "read" else {"read": None, limit: 0.05}
    assert_clean(
        await failure(ask(case.provider(server, api_key=KEY, timeout=Timeout(**limits)), way))
    )


@pytest.mark.parametrize("name", ["401", "echo", "cut", "reset"])
@pytest.mark.parametrize("case", [OPENAI, GEMINI], ids=str)
async def test_everybody_who_prints_it(case: Case, server: FakeServer, name: str) -> None:
    server.default = FAULTS[name]
    error = await failure(ask(case.provider(server, api_key=KEY), "stream_events"))
    for who, text in printed(error):
        assert KEY not in text, who
        assert "litellm/" not in text, who


@pytest.mark.parametrize("name", ["401", "404", "echo", "html", "reset"])
@pytest.mark.parametrize("case", CASES, ids=str)
async def test_the_list_of_models(case: Case, server: FakeServer, name: str) -> None:
    server.script(*[FAULTS[name]] * 2, endpoint="models")
    assert_clean(await failure(case.provider(server, api_key=KEY).list_models()))


@pytest.mark.parametrize("name", ["400", "401", "500", "echo", "malformed", "reset"])
@pytest.mark.parametrize("vendor", EMBEDDERS)
async def test_an_embedder(server: FakeServer, vendor: str, name: str) -> None:
    server.script(FAULTS[name], endpoint="embed")
    embedder = EMBEDDERS[vendor](api_key=KEY, base_url=server.base_url(vendor), retry=None)
    assert_clean(await failure(embedder.embed_text("Hi")))


@pytest.mark.parametrize("way", ["complete", "stream_events"])
@pytest.mark.parametrize("case", CASES, ids=str)
async def test_a_cancelled_call(case: Case, server: FakeServer, way: str) -> None:
    """The traceback of a cancelled task goes to whoever awaits it."""
    server.default = Fault.hang()
    task = asyncio.ensure_future(ask(case.provider(server, api_key=KEY), way))
    await server.wait_for(lambda: server.requests)
    task.cancel()
    with pytest.raises(asyncio.CancelledError) as caught:
        await task
    assert_clean(caught.value)


@pytest.mark.parametrize("case", CASES, ids=str)
async def test_a_stream_that_is_cancelled_on_its_way(case: Case, server: FakeServer) -> None:
    server.default = Fault.stall(1)
    said = asyncio.Event()

    async def listen() -> None:
        async for _ in case.provider(server, api_key=KEY).stream_events(USER):
            said.set()

    task = asyncio.ensure_future(listen())
    await said.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError) as caught:
        await task
    assert_clean(caught.value)
