"""llmock, somebody else's broken model server, watches what our providers do and judges them.

llmock (https://github.com/JulienRabault/LLMock) speaks the formats of OpenAI, Anthropic and
Gemini, and says of a client whether it kept to ``Retry-After``, tried again what can never succeed,
stormed, or took a cut stream for an answer. A cut stream is not tried again by ``stream()``, whose
reader has half an answer already; it raises, and then the application asks anew, as ``said`` does.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

import httpx
import pytest

from bruno_llm import (
    AuthenticationError,
    InvalidRequestError,
    LiteLLMProvider,
    LLMError,
    PermissionDeniedError,
    Retry,
    StreamError,
    Timeout,
    TransientError,
)
from bruno_llm.messages.chat import completion_message, tool_result
from tests.contract.matrix import CLAUDE, GEMINI, KEY, OPENAI, Case

pytestmark = [
    pytest.mark.skipif(find_spec("llmock") is None, reason="needs llmock: pip install llmock"),
    pytest.mark.slow,
    pytest.mark.covering(1),
]

PATHS = {"openai": "/v1", "anthropic": "/anthropic", "gemini": "/gemini/v1beta"}
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": "The weather of a city.",
            "parameters": {
                "type": "object",
                "properties": {"city": {"type": "string"}},
                "required": ["city"],
            },
        },
    }
]
# llmock tells every retryable status when to come back, so these are exact.
SOON = 0.1


class Judge:
    """llmock's control interface."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._http = httpx.Client(base_url=f"{url}/_llmock", trust_env=False, timeout=10)

    def script(self, *behaviors: dict[str, Any]) -> None:
        answer = self._http.post("/scenario", json={"behaviors": list(behaviors)})
        assert answer.status_code == 201, answer.text

    def requests(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._http.get("/requests").json()["requests"]
        return found

    def verdict(self) -> dict[str, Any]:
        found: dict[str, Any] = self._http.get("/verdict").json()
        return found

    def is_content(self, *, calls: int, attempts: int) -> None:
        """The verdict on everything since the reset: no error and no warning."""
        verdict = self.verdict()
        assert verdict["findings"] == []
        assert verdict["passed"]
        assert (verdict["calls"], verdict["attempts"]) == (calls, attempts)

    def reset(self) -> None:
        assert self._http.post("/reset").status_code == 200

    def close(self) -> None:
        self._http.close()


@contextmanager
def running(*options: str) -> Iterator[Judge]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    process = subprocess.Popen(
        [sys.executable, "-m", "llmock.cli", "serve", "--port", port, *options],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    judge = Judge(f"http://127.0.0.1:{port}")
    try:
        for _ in range(200):
            try:
                httpx.get(f"{judge.url}/health", trust_env=False)
                break
            except httpx.TransportError:
                assert process.poll() is None, "llmock did not start"
                time.sleep(0.05)
        yield judge
    finally:
        judge.close()
        process.terminate()
        process.wait(10)


@pytest.fixture(scope="module")
def _llmock() -> Iterator[Judge]:
    # With pauses between the chunks it can see that a client left.
    with running("--stream-chunk-delay-ms", "10") as judge:
        yield judge


@pytest.fixture
def llmock(_llmock: Judge) -> Judge:
    """The server, with nothing scripted and nothing seen."""
    _llmock.reset()
    return _llmock


@pytest.fixture(params=[OPENAI, CLAUDE, GEMINI], ids=str)
def case(request: pytest.FixtureRequest, no_keys: None) -> Case:
    """llmock has no Ollama."""
    chosen: Case = request.param
    return chosen


def provider_of(case: Case, judge: Judge, **options: Any) -> LiteLLMProvider:
    settings: dict[str, Any] = {
        "api_key": KEY,
        "base_url": judge.url + PATHS[case.vendor],
        "retry": Retry(attempts=4, wait_initial=0.1),
        "timeout": Timeout(read=5),
    }
    return case.cls(case.model, **{**settings, **options})


def ask(text: str = "What is the capital of Norway?") -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


async def said(provider: LiteLLMProvider, way: str) -> str:
    """The whole answer; after a broken stream the application asks anew, twice at most."""
    if way == "complete":
        return (await provider.complete(ask())).text
    for _ in range(3):
        try:
            return "".join([piece async for piece in provider.stream(ask())])
        except StreamError:
            continue
    raise AssertionError("three streams broke")


async def test_all_is_well(case: Case, llmock: Judge, way: str) -> None:
    assert await said(provider_of(case, llmock), way)
    llmock.is_content(calls=1, attempts=1)


@pytest.mark.parametrize("status", [408, 429, 500, 529])
async def test_what_passes_is_waited_for(case: Case, llmock: Judge, way: str, status: int) -> None:
    llmock.script({"type": "fail", "status": status, "retry_after": SOON, "times": 2})
    assert await said(provider_of(case, llmock), way)
    llmock.is_content(calls=1, attempts=3)


async def test_an_outage_is_given_up(case: Case, llmock: Judge, way: str) -> None:
    llmock.script({"type": "fail", "status": 503, "retry_after": 0.05, "times": 4})
    with pytest.raises(TransientError):
        await said(provider_of(case, llmock), way)
    llmock.is_content(calls=1, attempts=4)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, InvalidRequestError),
        (401, AuthenticationError),
        (403, PermissionDeniedError),
        (404, InvalidRequestError),  # its text speaks of the address, not of a model
        (422, InvalidRequestError),
    ],
)
async def test_what_can_never_succeed_is_sent_once(
    case: Case, llmock: Judge, way: str, status: int, error: type[LLMError]
) -> None:
    llmock.script({"type": "fail", "status": status})
    with pytest.raises(error) as caught:
        await said(provider_of(case, llmock), way)
    assert caught.value.status_code == status
    llmock.is_content(calls=1, attempts=1)


@pytest.mark.parametrize("kind", ["disconnect", "truncate", "malformed"])
@pytest.mark.parametrize("after", [0, 3])
async def test_a_broken_stream_is_no_answer(
    case: Case, llmock: Judge, kind: str, after: int
) -> None:
    llmock.script({"type": "stream_fault", "kind": kind, "after_chunks": after})
    assert await said(provider_of(case, llmock), "stream")
    broken, whole = llmock.requests()
    assert broken["fault"].startswith(f"stream:{kind}")
    assert whole["fault"] is None
    llmock.is_content(calls=1, attempts=2)


@pytest.mark.parametrize("after", [0, 3])
async def test_a_stalled_stream_is_left(case: Case, llmock: Judge, after: int) -> None:
    llmock.script({"type": "stream_fault", "kind": "stall", "after_chunks": after})
    assert await said(provider_of(case, llmock, timeout=Timeout(read=0.5)), "stream")
    llmock.is_content(calls=1, attempts=2)


async def test_tools(case: Case, llmock: Judge) -> None:
    if case is GEMINI:
        # litellm writes the fields' names as Google's protocol buffers do, which Google accepts.
        pytest.skip("llmock 0.2 reads functionDeclarations, but not function_declarations")
    provider = provider_of(case, llmock)
    llmock.script({"type": "fail", "status": 503, "retry_after": SOON})
    history: list[Any] = ask("What is the weather in Oslo?")
    first = await provider.complete(history, tools=TOOLS)
    (call,) = first.tool_calls
    assert call.name == "get_weather"
    assert set(call.arguments) == {"city"}
    history += [completion_message(first), tool_result(call, "snow")]
    assert (await provider.complete(history, tools=TOOLS)).text
    llmock.is_content(calls=2, attempts=3)


async def test_a_broken_tool_call_is_kept_as_it_is(case: Case, llmock: Judge) -> None:
    if case is not OPENAI:
        pytest.skip("llmock breaks the JSON of OpenAI's plain answers alone")
    llmock.script({"type": "tool_fault", "kind": "malformed_arguments"})
    (call,) = (await provider_of(case, llmock).complete(ask(), tools=TOOLS)).tool_calls
    assert call.arguments == {}
    assert call.raw_arguments
    llmock.is_content(calls=1, attempts=1)


@pytest.mark.full
async def test_its_rate_limit_is_kept(case: Case) -> None:
    """A bucket of 120 that refills twice a second: the last three calls have to wait."""
    with running("--rpm", "120") as judge:
        provider = provider_of(case, judge)
        for number in range(123):
            assert (await provider.complete(ask(f"Question {number}"))).text
        verdict = judge.verdict()
        assert verdict["findings"] == []
        assert verdict["calls"] == 123


@pytest.mark.full
async def test_everything_at_random(case: Case) -> None:
    """Its own dice: statuses, each with a ``Retry-After`` of a second, and stream faults."""
    faults = ["429=0.05", "500=0.05", "503=0.05"]
    breaks = ["disconnect=0.1", "truncate=0.1", "malformed=0.1"]
    options = [word for fault in faults for word in ("--error-rate", fault)]
    options += [word for kind in breaks for word in ("--stream-fault", kind)]
    with running(*options) as judge:
        provider = provider_of(case, judge, retry=Retry(attempts=8, timeout=None))
        for number in range(5):
            messages = ask(f"Question {number}")
            assert (await provider.complete(messages)).text
            for _ in range(20):
                try:
                    assert [piece async for piece in provider.stream(messages)]
                    break
                except StreamError:
                    continue
        verdict = judge.verdict()
        assert verdict["passed"], verdict["findings"]
