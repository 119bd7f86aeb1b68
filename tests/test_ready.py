"""Ready before the first call, and quick to leave: by counts, never by the clock."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from bruno_llm import (
    ClaudeProvider,
    FallbackProvider,
    GeminiProvider,
    InvalidRequestError,
    LiteLLMProvider,
    OllamaProvider,
    OpenAIEmbedder,
    OpenAIProvider,
)
from bruno_llm._litellm import loading
from bruno_llm.testing import FakeServer, MockProvider
from bruno_llm.vendors.registry import vendor_of
from bruno_llm.vendors.routes import IN_OPENAIS_FORMAT
from tests.contract.matrix import ask

KEY = "k" * 20
PATIENCE = 120.0

# One process for all, because each imports litellm anew.
PROGRAM = """
import asyncio, json, sys
import bruno_llm
from bruno_llm import (
    ClaudeProvider, GeminiProvider, LiteLLMProvider, OllamaProvider, OpenAIProvider
)

connected, told = [], []
sys.addaudithook(lambda name, args: name == "socket.connect" and connected.append(args[1]))
before = "litellm" in sys.modules
bruno_llm.preload()
bruno_llm.preload(wait=True)
loaded = "litellm" in sys.modules

async def new_modules(work):
    known = set(sys.modules)
    await work
    heavy = ("litellm", "openai", "tiktoken", "httpx")
    return sorted(name for name in set(sys.modules) - known if name.startswith(heavy))

async def streamed(llm):
    async for _ in llm.stream("Hi"):
        pass

async def main():
    found = {}
    named = [(OpenAIProvider, OPENAI), (ClaudeProvider, CLAUDE), (GeminiProvider, GEMINI)]
    # Last, because it has its answers counted.
    for cls, url in [*(reversed(named) if BACKWARDS else named), (OllamaProvider, OLLAMA)]:
        llm = cls(api_key=KEY, base_url=url, retry=None)
        connected.clear()
        warmed = await new_modules(llm.warm_up())
        reached = len(connected)
        found[llm.name] = {
            "warmed": len(warmed),
            "reached": reached,
            "generate": await new_modules(llm.generate("Hi")),
            "stream": await new_modules(streamed(llm)),
            "vocabulary": "litellm.litellm_core_utils.default_encoding" in sys.modules,
        }
        await llm.aclose()
    # A route that is not rehearsed: its code is there all the same, and was quiet about it.
    cohere = LiteLLMProvider("cohere_chat/command-a-03-2025", api_key=KEY, base_url=OPENAI)
    await cohere.warm_up()
    config = "litellm.llms.cohere.chat.transformation" in sys.modules
    await cohere.aclose()
    import litellm
    litellm.failure_callback = [lambda *args: told.append(args)]
    from bruno_llm._litellm import rehearsal
    rehearsal._done.clear()
    llm = OpenAIProvider(api_key=KEY, base_url=OPENAI)
    await llm.warm_up()
    await llm.aclose()
    print(json.dumps({"before": before, "loaded": loaded, "told": len(told),
                      "config": config, **found}))

asyncio.run(main())
"""


# What one provider brings is there for those after it.
@pytest.fixture(
    scope="module",
    params=[
        pytest.param(False, id="openai first"),
        pytest.param(True, id="gemini first", marks=pytest.mark.full),
    ],
)
def found(request: pytest.FixtureRequest) -> dict[str, Any]:
    """What a process of its own imported, and when."""
    with FakeServer() as server:
        addresses = {
            "OPENAI": server.base_url("openai"),
            "CLAUDE": server.base_url("anthropic"),
            "GEMINI": server.base_url("gemini"),
            "OLLAMA": server.base_url("ollama"),
            "KEY": KEY,
            "BACKWARDS": request.param,
        }
        names = "\n".join(f"{name} = {value!r}" for name, value in addresses.items())
        done = subprocess.run(
            [sys.executable, "-c", names + PROGRAM],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert done.stderr == "", "nothing is said while others are imported"
        assert len(server.requests) == 8, "two calls each, and no other request"
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def test_preload_imports_litellm(found: dict[str, Any]) -> None:
    assert (found["before"], found["loaded"]) == (False, True)


@pytest.mark.parametrize("name", ["openai", "claude", "gemini", "ollama"])
def test_after_warming_up_a_call_imports_next_to_nothing(name: str, found: dict[str, Any]) -> None:
    one = found[name]
    assert one["reached"] == 0, "nobody is connected to"
    # Without it there are hundreds, or 25 to 120 once litellm is there; with 1.106.2 it is none,
    # and another release may have moved a few.
    assert len(one["generate"]) <= 15, one["generate"]
    assert len(one["stream"]) <= 15, one["stream"]


def test_so_is_the_code_of_a_route_that_is_not_rehearsed(found: dict[str, Any]) -> None:
    assert found["config"]


@pytest.mark.parametrize("name", ["openai", "claude", "gemini"])
def test_no_vocabulary_is_built_that_nobody_counts_with(name: str, found: dict[str, Any]) -> None:
    """It is one step of 80 ms in which neither the event loop nor another thread goes on."""
    assert not found[name]["vocabulary"]


def test_who_watches_litellms_calls_is_told_of_no_rehearsal(found: dict[str, Any]) -> None:
    assert found["told"] == 0


async def test_everything_that_calls_can_be_warmed_up(server: FakeServer) -> None:
    address = server.base_url("openai")
    llm = OpenAIProvider(api_key=KEY, base_url=address, window=True)
    await llm.warm_up()
    assert llm._counter.loaded
    await FallbackProvider([MockProvider(default="x"), llm]).warm_up()
    await OpenAIEmbedder(api_key=KEY, base_url=address).warm_up()
    assert server.requests == []
    for way in ("complete", "stream_events"):
        assert await ask(llm, way) == "Hello"
    with pytest.raises(InvalidRequestError):
        await LiteLLMProvider("gemini/../x").warm_up()


@pytest.mark.usefixtures("no_collector")
@pytest.mark.covering(1)
@pytest.mark.parametrize("way", ["complete", "stream_events"])
@pytest.mark.parametrize("cls", [OpenAIProvider, ClaudeProvider, GeminiProvider, OllamaProvider])
async def test_a_rehearsal_leaves_nothing_behind(
    cls: type[LiteLLMProvider], way: str, server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bruno_llm._litellm import loading, rehearsal

    monkeypatch.setattr(rehearsal, "_done", set())
    monkeypatch.setattr(loading, "is_ours", True)
    vendor = {"claude": "anthropic"}.get(cls.name, cls.name)
    llm = cls(api_key=KEY, base_url=server.base_url(vendor), retry=None)
    await llm.warm_up()
    assert server.requests == []
    assert await ask(llm, way) == "Hello"
    assert len(server.requests) == 1


# litellm asks Lemonade's server for its models.
@pytest.mark.parametrize(
    "route",
    [
        pytest.param(route, marks=[] if route in ("baseten", "groq") else [pytest.mark.full])
        for route in sorted(IN_OPENAIS_FORMAT - {"lemonade"})
    ],
)
async def test_rehearsing_a_route_in_openais_format_asks_nobody(
    route: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bruno_llm._litellm import loading, rehearsal

    wanted: list[Any] = []
    monkeypatch.setattr(rehearsal, "_done", set())
    monkeypatch.setattr(loading, "is_ours", True)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **_: wanted.append(args))
    monkeypatch.setattr(socket.socket, "connect", lambda _, address: wanted.append(address))
    quirks = vendor_of(route).quirks
    assert quirks is not None and quirks.rehearsed
    await LiteLLMProvider(f"{route}/some-model", api_key=KEY).warm_up()
    assert rehearsal._done == {route}
    assert wanted == []


# --- leaving while litellm is imported ------------------------------------------------------------


@pytest.fixture
def endless(tmp_path: Path) -> dict[str, str]:
    """The environment of a litellm whose import never ends.

    When it begins, it closes the pipe whose number is in ``BEGUN``.
    """
    real = importlib.util.find_spec("litellm")
    assert real is not None and real.origin is not None
    package = tmp_path / "path" / "litellm"
    package.mkdir(parents=True)
    prices = "model_prices_and_context_window_backup.json"
    (package / prices).symlink_to(Path(real.origin).with_name(prices))
    (package / "__init__.py").write_text(
        "import os, threading\nif 'BEGUN' in os.environ:\n    os.close(int(os.environ['BEGUN']))\n"
        "threading.Event().wait()\n"
    )
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "PYTHONPATH": str(package.parent),
        "OPENAI_API_KEY": KEY,
        "OPENAI_BASE_URL": "http://127.0.0.1:9/v1",
    }


# A background job of a shell is told to ignore Ctrl-C, and so are the processes that it starts.
HEEDING = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
COMMAND = [sys.executable, "-c", f"{HEEDING}; from bruno_llm.cli import main; main()"]


def test_chat_ends_with_its_input_whatever_is_imported(endless: dict[str, str]) -> None:
    done = subprocess.run(
        [*COMMAND, "chat", "-p", "openai"],
        env=endless,
        input="/system Be brief.\n",
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stderr
    assert "system prompt: Be brief." in done.stderr
    assert "Traceback" not in done.stderr


def test_ctrl_c_ends_ask_whatever_is_imported(endless: dict[str, str]) -> None:
    read, write = os.pipe()
    process = subprocess.Popen(
        [*COMMAND, "ask", "-p", "openai", "Hi"],
        env={**endless, "BEGUN": str(write)},
        pass_fds=(write,),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        os.close(write)
        assert os.read(read, 1) == b"", "closed: the import began, or the process is dead"
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=PATIENCE)
    finally:
        os.close(read)
        process.kill()
    assert process.returncode == 130
    assert "Fatal" not in told


class Interrupted(ThreadPoolExecutor):
    """Ctrl-C comes when the thread runs already, and ``submit()`` has not come back."""

    def submit(self, *args: Any, **kwargs: Any) -> Any:
        super().submit(*args, **kwargs)
        raise KeyboardInterrupt


def test_ctrl_c_while_the_thread_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then nobody knew of the thread, and the process waited for it for ever."""
    goes_on = threading.Event()
    monkeypatch.setattr(loading, "_under_way", set())
    monkeypatch.setattr(loading, "module", None)
    monkeypatch.setattr(loading, "load_now", goes_on.wait)
    with Interrupted(1) as importer:
        monkeypatch.setattr(loading, "_importer", importer)
        with pytest.raises(KeyboardInterrupt):
            loading.begin()
        assert loading.is_busy()
        goes_on.set()


def test_a_wrong_use_ends_too(endless: dict[str, str]) -> None:
    done = subprocess.run(
        [*COMMAND, "ask", "-p", "openai"],
        env=endless,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert done.returncode == 2
    assert "there is no question" in done.stderr
