"""No API key and no word of a prompt in anything that gets out of a call."""

from __future__ import annotations

import asyncio
import pickle
import traceback
from collections.abc import Iterator, MutableMapping
from typing import Any

import pytest
from structlog.testing import capture_logs

from bruno_llm import (
    Cache,
    Completion,
    CostTracker,
    LLMError,
    RateLimit,
    Retry,
)
from bruno_llm.testing import FakeServer, Fault, Raw, Reply, Request
from tests.contract.matrix import CASES, Case, ask

pytestmark = [pytest.mark.usefixtures("no_keys"), pytest.mark.covering(2)]

KEY = "planted-key-3f9a1c77e0b24d55"
PROMPT = "the secret recipe of grandmother's apple pie: cinnamon & cardamom"
SYSTEM = "you are an agent of the ministry, codename Heimdall"
MESSAGES = [{"role": "user", "content": PROMPT}]
SAID = f"you sent the key {KEY} and asked: {PROMPT} / {SYSTEM}"
HEADERS = {"x-echo": KEY, "x-request-id": "req_1", "x-prompt": "cinnamon"}


def echo_raw(status: int) -> Any:
    """The server sends back the whole request, as some proxies do, with its headers."""

    def answer(request: Request) -> Raw:
        import json

        body = {"error": {"message": SAID, "request": request.json, "headers": request.headers}}
        return Raw(
            status, {"content-type": "application/json", **HEADERS}, json.dumps(body).encode()
        )

    return answer


FAULTS: dict[str, Any] = {
    **{
        str(status): Fault.status(status, message=SAID, headers=HEADERS)
        for status in (400, 401, 403, 404, 413, 429, 500, 503, 529)
    },
    "echo-400": echo_raw(400),
    "echo-500": echo_raw(500),
    "text": Raw(502, HEADERS, SAID.encode()),
    "not-json": Raw(200, {"content-type": "application/json"}, SAID.encode()),
    "event": Fault.error_event(0, message=SAID),
    "event-later": Fault.error_event(2, message=SAID),
    "cut": Fault.cut(2),
    "reset": Fault.reset(),
}


@pytest.fixture(params=CASES, ids=str)
def case(request: pytest.FixtureRequest) -> Case:
    chosen: Case = request.param
    return chosen


@pytest.fixture
def told() -> Iterator[list[MutableMapping[str, Any]]]:
    with capture_logs() as events:
        yield events


def assert_clean(*texts: str) -> None:
    for text in texts:
        assert KEY not in text
        for word in ("cinnamon", "grandmother", "Heimdall", "ministry"):
            assert word not in text, text


def chain(error: BaseException) -> Iterator[BaseException]:
    seen: list[BaseException] = []
    todo: list[BaseException | None] = [error]
    while todo:
        link = todo.pop()
        if link is None or link in seen:
            continue
        seen.append(link)
        yield link
        todo += [link.__cause__, None if link.__suppress_context__ else link.__context__]
        todo.append(getattr(link, "original_error", None))


@pytest.mark.covering(1)
@pytest.mark.parametrize("name", FAULTS)
@pytest.mark.parametrize("way", ["complete", "stream_events"])
async def test_an_error_gives_nothing_away(
    case: Case, server: FakeServer, told: list[Any], name: str, way: str
) -> None:
    server.default = FAULTS[name]
    provider = case.provider(
        server, api_key=KEY, system_prompt=SYSTEM, retry=Retry(attempts=2, wait_max=0)
    )
    with pytest.raises(LLMError) as caught:
        await ask(provider, way, MESSAGES)
    error = caught.value
    assert_clean(str(error), repr(error), str(error.args), error.message, str(error.hint))
    assert_clean("".join(traceback.format_exception(error)))
    assert_clean(str(told), repr(provider))
    for link in chain(error):
        assert_clean(str(link), repr(link))
    assert_clean(pickle.dumps(error).decode("latin-1"))
    if error.partial is not None:
        assert_clean(repr(error.partial))


async def test_the_words_of_the_vendor_that_are_no_secret_stay(
    case: Case, server: FakeServer
) -> None:
    server.script(Fault.status(400, message=f"top_p is out of range, key {KEY}, prompt {PROMPT}"))
    with pytest.raises(LLMError, match="top_p is out of range") as caught:
        await ask(case.provider(server, api_key=KEY), "complete", MESSAGES)
    assert_clean(str(caught.value))


@pytest.mark.parametrize("way", ["complete", "stream_events"])
async def test_a_call_that_works_logs_facts_and_no_content(
    case: Case, server: FakeServer, told: list[Any], way: str
) -> None:
    server.default = Reply("the pie needs patience")
    provider = case.provider(
        server,
        api_key=KEY,
        system_prompt=SYSTEM,
        costs=CostTracker(),
        cache=Cache(),
        rate_limit=RateLimit(requests_per_minute=1000),
    )
    for _ in range(2):
        await ask(provider, way, MESSAGES, tag="pies")
    assert told
    assert_clean(str(told))
    assert "patience" not in str(told)


async def test_what_is_kept_of_a_call_holds_no_key_and_no_prompt(
    case: Case, server: FakeServer
) -> None:
    cache, costs = Cache(), CostTracker()
    provider = case.provider(server, api_key=KEY, cache=cache, costs=costs)
    completion = await provider.complete(MESSAGES)
    assert isinstance(completion, Completion)
    assert_clean(repr(completion), repr(costs.recent()), repr(vars(cache)), repr(vars(provider)))
    assert_clean(costs.to_json(), costs.to_csv())


async def test_a_check_of_the_connection_gives_no_key_away(
    case: Case, server: FakeServer, told: list[Any]
) -> None:
    server.script(*[Fault.status(401, message=SAID)] * 2, endpoint="models")
    provider = case.provider(server, api_key=KEY)
    assert not await provider.check_connection()
    with pytest.raises(LLMError) as caught:
        await provider.list_models()
    for link in chain(caught.value):
        assert KEY not in f"{link!s} {link!r}"
    assert KEY not in str(told)
    assert KEY not in "".join(traceback.format_exception(caught.value))


def test_nothing_of_a_failed_call_is_printed(
    case: Case, server: FakeServer, capfd: pytest.CaptureFixture[str]
) -> None:
    """Events go where structlog is told; by default that is stdout, so they are captured."""
    server.default = FAULTS["echo-400"]
    with capture_logs():
        for way in ("complete", "stream_events"):
            with pytest.raises(LLMError):
                asyncio.run(ask(case.provider(server, api_key=KEY), way, MESSAGES))
    assert capfd.readouterr() == ("", "")
