"""A keyring that hangs: the event loop goes on, and nobody waits without a limit."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import keyring
import pytest

from bruno_llm import (
    AuthenticationError,
    ConfigurationError,
    FallbackProvider,
    LiteLLMProvider,
    LLMError,
    LLMFactory,
    OllamaProvider,
    OpenAIProvider,
    RequestTimeoutError,
    Timeout,
    keys,
)
from bruno_llm.embeddings import OpenAIEmbedder
from bruno_llm.testing import FakeServer, MockProvider, MovedClock
from tests.contract.matrix import ask
from tests.patience import PatientLoop
from tests.shut import THREAD, Shut, shut
from tests.size import sized
from tests.terminal import Piped, bare_environment

pytestmark = [pytest.mark.usefixtures("no_keys"), pytest.mark.covering(1)]

KEY = "planted-0123456789-WXYZ"
SILENT = "the keyring of the system did not answer within 120 s"

Call = Callable[..., Awaitable[Any]]


@pytest.fixture
def ring(monkeypatch: pytest.MonkeyPatch) -> Iterator[Shut]:
    """One that holds keys, and is shut."""
    monkeypatch.delenv("GROQ_API_KEY", raising=False)
    with shut() as ring:
        for name in ("openai", "groq", "ollama"):
            ring.entries["bruno-llm", name] = KEY
        yield ring


def calling(what: str, way: str, **options: Any) -> Callable[[], Awaitable[Any]]:
    """A call of a named provider, of the generic one under its route, or of an embedder."""
    if what == "embedder":
        return lambda: OpenAIEmbedder(retry=None, **options).embed_text("Hi")
    provider: LiteLLMProvider
    if what == "named":
        provider = OpenAIProvider("gpt-4o-mini", retry=None, **options)
    else:
        provider = LiteLLMProvider("groq/llama-3.3-70b-versatile", retry=None, **options)
    return lambda: ask(provider, way)


WAYS = [
    pytest.param("named", "complete", id="named, plain"),
    pytest.param("named", "stream", id="named, streamed"),
    pytest.param("generic", "complete", id="generic, plain"),
    pytest.param("generic", "stream", id="generic, streamed"),
    pytest.param("embedder", "", id="embedder"),
]


async def until(what: Callable[[], bool]) -> None:
    """Let other tasks run until it is so."""
    for _ in range(5000):
        if what():
            return
        await asyncio.sleep(0.002)
    raise AssertionError("it did not come to that")


def skip(seconds: float) -> None:
    """So many seconds are over on the running loop."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, PatientLoop)
    loop.skip(seconds)


def threads() -> int:
    return sum(thread.name == THREAD for thread in threading.enumerate())


@pytest.mark.parametrize(("what", "way"), WAYS)
async def test_others_run_while_it_hangs_and_its_answer_is_used(
    ring: Shut, server: FakeServer, what: str, way: str
) -> None:
    call = asyncio.ensure_future(calling(what, way, base_url=server.base_url("openai"))())
    await until(ring.reached.is_set)
    late: list[float] = []
    for _ in range(50):
        before = time.monotonic()
        await asyncio.sleep(0)
        late.append(time.monotonic() - before)
    # The thread of the loop waits for nobody; half of the turns, as the machine has other work.
    assert sorted(late)[25] < 0.02
    assert not call.done() and not server.requests
    ring.opened.set()
    await call
    assert [request.headers["authorization"] for request in server.requests] == [f"Bearer {KEY}"]


@pytest.mark.parametrize(("what", "way"), WAYS)
async def test_a_call_that_needs_the_key_ends_after_two_minutes(
    ring: Shut, what: str, way: str
) -> None:
    call = asyncio.ensure_future(calling(what, way)())
    await until(ring.reached.is_set)
    skip(119)
    await asyncio.sleep(0.05)
    assert not call.done()
    skip(1)
    with pytest.raises(AuthenticationError) as caught:
        await call
    variable = "GROQ_API_KEY" if what == "generic" else "OPENAI_API_KEY"
    assert caught.value.message == SILENT
    assert caught.value.hint == f"set {variable}, or give api_key=..."
    assert not caught.value.retryable and caught.value.__context__ is None


@pytest.mark.parametrize("way", ["complete", "stream"])
async def test_what_is_silent_for_so_long_is_not_waited_for_again(
    ring: Shut, server: FakeServer, way: str
) -> None:
    with MovedClock(auto=False) as clock:
        first = asyncio.ensure_future(calling("named", way)())
        await until(ring.reached.is_set)
        clock.advance(120)
        for _ in range(3):
            with pytest.raises(AuthenticationError, match=SILENT):
                await calling("named", way)()
        assert ring.asked == 1
        first.cancel()
        await asyncio.wait([first])
        # Its owner comes at last.
        ring.opened.set()
        await until(lambda: keys.known_key(("openai",)) is not None)
        await calling("named", way, base_url=server.base_url("openai"))()
        assert server.requests[-1].headers["authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize("way", ["complete", "stream"])
async def test_a_model_that_needs_no_key_is_asked_without_one(
    ring: Shut, server: FakeServer, way: str
) -> None:
    ollama = OllamaProvider("llama3.2", base_url=server.base_url("ollama"), retry=None)
    call = asyncio.ensure_future(ask(ollama, way))
    await until(ring.reached.is_set)
    skip(120)
    await call
    assert "authorization" not in server.requests[-1].headers


@pytest.mark.parametrize(("what", "way"), WAYS)
async def test_the_whole_time_of_a_call_ends_the_waiting_too(
    ring: Shut, what: str, way: str
) -> None:
    call = asyncio.ensure_future(calling(what, way, timeout=Timeout(total=7))())
    await until(ring.reached.is_set)
    skip(7)
    with pytest.raises(RequestTimeoutError) as caught:
        await call
    assert caught.value.timeout == 7
    assert caught.value.message == (
        "the keyring of the system did not answer within 7 s (timeout: total)"
    )
    assert caught.value.hint and "api_key=" in caught.value.hint


@pytest.mark.parametrize(("what", "way"), WAYS)
async def test_who_is_cancelled_harms_no_other(
    ring: Shut, server: FakeServer, what: str, way: str
) -> None:
    url = server.base_url("openai")
    calls = [asyncio.ensure_future(calling(what, way, base_url=url)()) for _ in range(6)]
    await until(ring.reached.is_set)
    for call in calls[::2]:
        call.cancel()
    ended, _ = await asyncio.wait(calls[::2], timeout=5)
    assert len(ended) == 3 and all(call.cancelled() for call in ended)
    ring.opened.set()
    await asyncio.gather(*calls[1::2])
    assert len(server.requests) == 3


@pytest.mark.sized
@pytest.mark.parametrize(("what", "way"), WAYS)
async def test_a_hundred_calls_at_once_ask_once(
    ring: Shut, server: FakeServer, what: str, way: str
) -> None:
    url = server.base_url("openai")
    count = sized(100, 25)
    calls = [asyncio.ensure_future(calling(what, way, base_url=url)()) for _ in range(count)]
    await until(ring.reached.is_set)
    assert threads() == 1
    ring.opened.set()
    await asyncio.gather(*calls)
    # The generic provider looks under its own name, then under the vendor's.
    assert ring.asked == (2 if what == "generic" else 1)
    assert len(server.requests) == count


@pytest.mark.parametrize("error", [keyring.errors.KeyringLocked, RuntimeError, SystemExit])
@pytest.mark.parametrize(("what", "way"), WAYS)
async def test_a_keyring_that_raises(
    ring: Shut,
    server: FakeServer,
    events: list[Any],
    what: str,
    way: str,
    error: type[BaseException],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fails(*_: str) -> str:
        raise error(f"with {KEY}")

    with monkeypatch.context() as patch:
        patch.setattr(ring, "get_password", fails)
        with pytest.raises(AuthenticationError, match="there is no API key") as caught:
            await calling(what, way)()
    assert KEY not in f"{caught.value!r}{events}"
    told = [event for event in events if event["event"] == "keyring_unavailable"]
    assert told and told[0]["error"] == error.__name__
    ring.opened.set()  # the next call asks anew
    await calling(what, way, base_url=server.base_url("openai"))()
    assert server.requests[-1].headers["authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize("way", ["complete", "stream"])
@pytest.mark.parametrize("source", ["argument", "environment"])
async def test_a_key_that_is_at_hand_needs_no_thread(
    ring: Shut, server: FakeServer, way: str, source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    options: dict[str, Any] = {"base_url": server.base_url("openai")}
    if source == "argument":
        options["api_key"] = KEY
    else:
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        monkeypatch.setenv("BRUNO_LLM_GROQ_API_KEY", KEY)
    for what in ("named", "generic"):
        await calling(what, way, **options)()
    await calling("embedder", way, **options)()
    assert not ring.asked and not threads()


@pytest.mark.parametrize("way", ["complete", "stream"])
@pytest.mark.parametrize("total", [None, 5.0])
async def test_another_provider_stands_in(ring: Shut, way: str, total: float | None) -> None:
    first = OpenAIProvider("gpt-4o-mini", timeout=Timeout(total=total))
    provider: Any = FallbackProvider([first, MockProvider("Hello")])
    call = asyncio.ensure_future(ask(provider, way))
    await until(ring.reached.is_set)
    skip(total or 120)
    assert await call == "Hello"


async def test_a_question_that_is_forgotten_hinders_no_later_one(
    ring: Shut, server: FakeServer
) -> None:
    url = server.base_url("openai")
    hanging = asyncio.ensure_future(calling("named", "complete", base_url=url)())
    await until(ring.reached.is_set)
    keys.forget("OpenAI")
    with shut() as other:
        other.entries["bruno-llm", "openai"] = "another-key-of-20-letters"
        other.opened.set()
        await calling("named", "complete", base_url=url)()
        ring.opened.set()  # what the first one says now is for those who waited, and is not kept
        await hanging
        await until(lambda: threads() == 0)
        known = keys.known_key(("openai",))
        assert known is not None and known.value.get_secret_value().startswith("another")
    sent = [request.headers["authorization"] for request in server.requests]
    assert sent == ["Bearer another-key-of-20-letters", f"Bearer {KEY}"]


def test_event_loops_and_threads_share_one_question(ring: Shut, server: FakeServer) -> None:
    url, said = server.base_url("openai"), []

    def run() -> None:
        said.append(asyncio.run(calling("named", "complete", base_url=url)()))

    workers = [threading.Thread(target=run) for _ in range(4)]
    for worker in workers:
        worker.start()
    assert ring.reached.wait(20)
    here = threading.Thread(target=lambda: said.append(keys.resolve_key("openai", None, ())))
    here.start()
    ring.opened.set()
    for worker in (*workers, here):
        worker.join(30)
    assert len(said) == 5 and ring.asked == 1


def test_a_loop_that_ended_meanwhile_is_no_matter(
    ring: Shut, server: FakeServer, caplog: pytest.LogCaptureFixture
) -> None:
    """Its waiters are neither cancelled nor there any more when the answer comes."""
    loop = asyncio.new_event_loop()
    call = loop.create_task(calling("named", "complete")())  # type: ignore[arg-type]
    while not ring.reached.is_set():
        loop.run_until_complete(asyncio.sleep(0.001))
    loop.close()
    other = asyncio.new_event_loop()
    try:
        url = server.base_url("openai")
        next_call = other.create_task(  # type: ignore[arg-type]
            calling("named", "complete", base_url=url)()
        )
        other.run_until_complete(asyncio.sleep(0))
        ring.opened.set()
        other.run_until_complete(asyncio.wait_for(next_call, 30))
        other.run_until_complete(other.shutdown_asyncgens())
    finally:
        other.close()
    assert "exception" not in caplog.text
    call.get_coro().close()  # type: ignore[union-attr]
    call._log_destroy_pending = False  # type: ignore[attr-defined]


# --- beside the calls -----------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["named", "generic"])
async def test_a_check_waits_three_seconds(ring: Shut, what: str) -> None:
    name = "openai/gpt-4o-mini" if what == "named" else "groq/llama-3.3-70b-versatile"
    provider: Any = LLMFactory.create(name)
    for question in (provider.list_models, provider.diagnose, provider.check_connection):
        ring.reached.clear()
        keys.forget()
        asked = asyncio.ensure_future(question())
        await until(ring.reached.is_set)
        skip(3)
        if question == provider.list_models:
            with pytest.raises(AuthenticationError, match="did not answer within 3 s"):
                await asked
        elif question == provider.diagnose:
            found = await asked
            assert (found.reachable, found.key_accepted) == (None, None)
            assert "did not answer within 3 s" in str(found.error)
        else:
            assert await asked is False


async def test_a_check_of_what_needs_no_key_goes_on_without(ring: Shut, server: FakeServer) -> None:
    ollama = OllamaProvider("llama3.2", base_url=server.base_url("ollama"))
    checking = asyncio.ensure_future(ollama.diagnose())
    await until(ring.reached.is_set)
    skip(3)
    assert (await checking).reachable
    assert "authorization" not in server.requests[-1].headers


SOON = "the keyring of the system did not answer within 3 s"


@pytest.mark.parametrize("name", ["openai", "groq/llama-3.3-70b-versatile"])
async def test_the_factorys_checks_wait_no_longer(ring: Shut, name: str) -> None:
    checking = asyncio.ensure_future(LLMFactory.health_check([name]))
    await until(ring.reached.is_set)
    skip(3.2)
    (line,) = (await checking).values()
    assert (line.problem, line.configured) == (SOON, False)


@pytest.mark.parametrize("choose", [LLMFactory.create_available, LLMFactory.create_with_fallback])
async def test_the_factory_chooses_no_longer(ring: Shut, choose: Any) -> None:
    choosing = asyncio.ensure_future(choose(["openai"]))
    await until(ring.reached.is_set)
    skip(3.2)
    with pytest.raises(LLMError, match=SOON):
        await choosing


class Plugin(MockProvider):
    """A class of somebody else's, which is given its key when it is made."""

    def __init__(self, api_key: str = "") -> None:
        super().__init__("Hello")
        self.key = api_key


async def test_a_plugin_is_made_beside_the_loop_too(ring: Shut) -> None:
    LLMFactory.register("somebody", Plugin)
    try:
        ring.entries["bruno-llm", "somebody"] = KEY
        checking = asyncio.ensure_future(LLMFactory.create_available(["somebody"]))
        await until(ring.reached.is_set)
        skip(3.2)
        with pytest.raises(LLMError, match="did not answer within 3 s"):
            await checking
        with MovedClock(auto=False) as clock:
            keys.forget()
            ring.reached.clear()
            again = asyncio.ensure_future(LLMFactory.create_available(["somebody"]))
            await until(ring.reached.is_set)
            clock.advance(120)
            with pytest.raises(ConfigurationError, match=SILENT):
                LLMFactory.create("somebody")
            ring.opened.set()
            made: Any = await again
            assert made.key == KEY
    finally:
        LLMFactory.unregister("somebody")


def test_the_settings_say_that_it_is_silent(ring: Shut) -> None:
    def asks() -> None:
        with contextlib.suppress(ConfigurationError):
            keys.resolve_key("openai", None, ())

    with MovedClock(auto=False) as clock:
        first = threading.Thread(target=asks)
        first.start()
        assert ring.reached.wait(20)
        clock.advance(120)
        shown = {row.name: row for row in LLMFactory.explain("openai")}["api_key"]
        assert (shown.value, shown.source) == (None, SILENT)
        missing = OpenAIProvider("gpt-4o-mini").missing_key()
        assert missing is not None and missing.message == SILENT
        with pytest.raises(ConfigurationError, match=SILENT) as caught:
            OpenAIProvider("gpt-4o-mini").found_key()
        assert caught.value.hint == "unlock it, or set OPENAI_API_KEY or BRUNO_LLM_OPENAI_API_KEY"
        ring.opened.set()
        first.join(20)


# --- processes ------------------------------------------------------------------------------------

PROGRAM = """
import asyncio, sys, threading, time
import keyring
from keyring.backend import KeyringBackend
from bruno_llm import OpenAIProvider, RequestTimeoutError, Timeout

class Hanging(KeyringBackend):
    priority = 1
    set_password = delete_password = None
    def get_password(self, service, account):
        threading.Event().wait()

keyring.set_keyring(Hanging())

async def main():
    try:
        await OpenAIProvider("gpt-4o", timeout=Timeout(total=0.2)).generate("Hi")
    except RequestTimeoutError:
        print("limited", flush=True)
"""

AT_THE_END = """
asyncio.run(main())
print(time.time(), flush=True)
"""

IN_A_CHILD = """
import multiprocessing

def child():
    from bruno_llm import keys
    assert not [one for one in threading.enumerate() if one.name == "bruno-llm-keyring"]
    asyncio.run(main())
    class Open(Hanging):
        def get_password(self, service, account):
            return "a-key-of-20-letters"
    keyring.set_keyring(Open())
    keys.forget()
    assert keys.resolve_key("openai", None, ()).source == "keyring"

async def both():
    call = asyncio.ensure_future(main())
    while not [one for one in threading.enumerate() if one.name == "bruno-llm-keyring"]:
        await asyncio.sleep(0.001)
    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    await call
    process.join(30)
    if process.is_alive():
        process.kill()
    process.join()
    assert process.exitcode == 0, process.exitcode

asyncio.run(both())
print(time.time(), flush=True)
"""


@pytest.mark.parametrize(
    ("code", "said"),
    [
        pytest.param(AT_THE_END, 1, id="at the end"),
        pytest.param(
            IN_A_CHILD,
            2,
            id="in a forked child",
            marks=pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork"),
        ),
    ],
)
def test_a_process_does_not_wait_for_it(tmp_path: Path, code: str, said: int) -> None:
    with Piped([], bare_environment(tmp_path), code=PROGRAM + code) as program:
        told = program.stdout.readall().decode().split()
        status, ended = program.wait(), time.time()
        assert status == 0, program.stderr.readall().decode()[-2000:]
        assert told[:-1] == ["limited"] * said
        # Under a second on an idle machine, as without it; who waits for the thread never ends.
        assert ended - float(told[-1]) < 10.0
        assert program.stderr.readall() == b""
