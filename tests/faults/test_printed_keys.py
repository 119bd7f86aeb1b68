"""A logger that prints the frames of a failed call, with their variables, prints no key."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from bruno_llm import FallbackProvider, LLMError, Retry, Timeout, generate_as
from bruno_llm.embeddings import GeminiEmbedder, OllamaEmbedder, OpenAIEmbedder
from bruno_llm.testing import FakeServer, Fault, Raw
from bruno_llm.tools import run_tools
from tests.contract.matrix import CASES, GEMINI, OLLAMA, OPENAI, USER, Case, ask
from tests.contract.rows import Row, each_row
from tests.google_account import TOKEN
from tests.planted import KEY, foreign_frames, held, printed

pytestmark = [pytest.mark.usefixtures("no_keys"), pytest.mark.covering(1)]

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
    texts = list(held(error))
    assert [where for where, text in texts for secret in (KEY, TOKEN) if secret in text] == []
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


@pytest.mark.covering(0)
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


@pytest.mark.parametrize("row", each_row())
async def test_a_route_of_the_table(row: Row) -> None:
    """Also where litellm is given the key itself, because it signs with it or asks on its own."""
    if row.google:
        pytest.importorskip("google.auth", reason="Vertex AI: pip install 'bruno-llm[dev]'")
    secret = "aws_secret_access_key" if "aws_region_name" in row.options else "api_key"
    with FakeServer() as server, row.ready(server) as pointed:
        provider = pointed.provider(server, **({} if row.google else {secret: KEY}))
        for name in ("401", "400", "500", "html", "reset", "cut"):
            server.default = FAULTS[name]
            for way in ("complete", "stream_events"):
                try:
                    await ask(provider, way)
                except LLMError as error:
                    assert_clean(error)
                else:  # litellm takes the cut stream of some routes for a whole one
                    assert (name, way) == ("cut", "stream_events")


@pytest.mark.parametrize("way", ["complete", "stream_events"])
async def test_a_fallback(server: FakeServer, way: str) -> None:
    server.default = FAULTS["echo"]
    both = FallbackProvider([case.provider(server, api_key=KEY) for case in (OPENAI, GEMINI)])
    for who, text in [*held(error := await failure(ask(both, way))), *printed(error)]:
        assert KEY not in text, who
    assert foreign_frames(error) == []


async def test_what_is_asked_beside_the_calls(server: FakeServer) -> None:
    server.default = FAULTS["echo"]
    server.script(FAULTS["echo"], endpoint="count")
    server.script(FAULTS["echo"], endpoint="show")
    gemini, ollama = GEMINI.provider(server, api_key=KEY), OLLAMA.provider(server, api_key=KEY)
    assert_clean(await failure(gemini.count_message_tokens(USER, exact=True)))
    assert_clean(await failure(ollama.fetch_capabilities()))
    openai = OPENAI.provider(server, api_key=KEY)
    assert_clean(await failure(generate_as(openai, USER, int)))
    assert_clean(await failure(run_tools(openai, USER, [print_it])))


def print_it(text: str) -> str:
    """Print a text."""
    return text


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
