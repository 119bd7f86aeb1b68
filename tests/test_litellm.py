"""The door to litellm: imported late, quietly, off the loop; and what it is kept from doing."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from bruno_llm import LLMError, OllamaProvider, _litellm
from bruno_llm.testing import FakeServer, Fault, Reply
from tests.contract.matrix import CASES, Case, ask

pytestmark = pytest.mark.usefixtures("no_keys")

# `make test-range` puts another litellm there.
PATHS = (os.environ.get("PYTHONPATH"), str(Path(__file__).parents[1]))

# One call in a fresh process, with everything a user could notice written down as JSON.
FIRST_CALL = textwrap.dedent("""
    import asyncio, json, logging, os, sys, time
    import structlog
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    connected = []
    def audit(event, arguments):
        if event in ("socket.connect", "socket.getaddrinfo"):
            connected.append(str(arguments[1] if event == "socket.connect" else arguments[0]))
    sys.addaudithook(audit)

    logging.getLogger("httpx").setLevel(logging.INFO)
    logging.getLogger("LiteLLM").addHandler(own := logging.NullHandler())
    def state():
        names = ("", "httpx", "LiteLLM", "LiteLLM Router", "LiteLLM Proxy")
        return {name: [logging.getLogger(name).level if name in ("", "httpx") else None,
                       [repr(h) for h in logging.getLogger(name).handlers]] for name in names}

    before, environment = state(), dict(os.environ)
    from bruno_llm import OpenAIProvider
    provider = OpenAIProvider("gpt-4o-mini", base_url=sys.argv[1], api_key="sk-0123456789")

    async def main():
        ticks = []
        async def tick():
            while True:
                ticks.append(time.perf_counter())
                await asyncio.sleep(0.005)
        ticking = asyncio.create_task(tick())
        began = time.perf_counter()
        answer = await provider.generate([{"role": "user", "content": "Hi"}])
        took = time.perf_counter() - began
        ticking.cancel()
        gaps = [b - a for a, b in zip(ticks, ticks[1:])]
        return answer, took, max(gaps), len(ticks)

    answer, took, gap, ticks = asyncio.run(main())
    import litellm
    json.dump({
        "answer": answer, "took": took, "gap": gap, "ticks": ticks,
        "loggers": [before, state()],
        "environment": {k: [environment.get(k), os.environ.get(k)]
                        for k in {*environment, *os.environ}
                        if environment.get(k) != os.environ.get(k)},
        "connected": connected,
        "settings": [litellm.suppress_debug_info, litellm.disable_hf_tokenizer_download,
                     litellm.num_retries],
        "models": len(litellm.model_cost),
        "dotenv": os.environ.get("PLANTED_BY_DOTENV"),
    }, open(sys.argv[2], "w"))
    """)


@pytest.fixture(scope="module")
def first_call(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the first call of a process left behind, and what it printed."""
    folder = tmp_path_factory.mktemp("first-call")
    (folder / ".env").write_text("PLANTED_BY_DOTENV=1\nOPENAI_API_KEY=sk-from-dotenv\n")
    with FakeServer() as server:
        # A deaf proxy: whatever goes out to the internet would fail, and be seen.
        run = subprocess.run(
            [sys.executable, "-c", FIRST_CALL, server.base_url("openai"), str(folder / "out")],
            cwd=folder,
            check=False,
            capture_output=True,
            text=True,
            timeout=120,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, PATHS))},
        )
        assert run.returncode == 0, run.stderr
        result: dict[str, Any] = json.loads((folder / "out").read_text())
        result["stdout"], result["stderr"] = run.stdout, run.stderr
        result["port"] = str(server.url.rpartition(":")[2])
        result["requests"] = len(server.requests)
    return result


class TestTheFirstCall:
    def test_it_answers_with_one_request(self, first_call: dict[str, Any]) -> None:
        assert (first_call["answer"], first_call["requests"]) == ("Hello", 1)

    def test_nothing_is_printed(self, first_call: dict[str, Any]) -> None:
        # pydantic's warning about litellm's types is in the list of pyproject.toml.
        lines = [line for line in first_call["stderr"].splitlines() if "ReadOnly" not in line]
        assert [line for line in lines if line.strip() != "warnings.warn("] == []
        assert first_call["stdout"] == ""

    def test_loggers_are_as_they_were(self, first_call: dict[str, Any]) -> None:
        before, after = first_call["loggers"]
        assert after == before

    def test_the_environment_is_as_it_was(self, first_call: dict[str, Any]) -> None:
        # litellm points tiktoken at the vocabularies in its own package, for good.
        first_call["environment"].pop("TIKTOKEN_CACHE_DIR", None)
        first_call["environment"].pop("CUSTOM_TIKTOKEN_CACHE_DIR", None)
        assert first_call["environment"] == {}

    def test_a_dotenv_file_is_not_read(self, first_call: dict[str, Any]) -> None:
        assert first_call["dotenv"] is None

    def test_nobody_is_called_but_the_server(self, first_call: dict[str, Any]) -> None:
        assert first_call["connected"]
        for address in first_call["connected"]:
            assert address == "127.0.0.1" or first_call["port"] in address

    def test_the_price_map_is_the_packages_own(self, first_call: dict[str, Any]) -> None:
        # litellm leaves out the sample entry.
        assert first_call["models"] >= len(_litellm.bundled_map()) - 1 > 1000

    def test_the_event_loop_goes_on_meanwhile(self, first_call: dict[str, Any]) -> None:
        """The import takes seconds; the loop never stops for so long."""
        assert first_call["gap"] < max(0.8, first_call["took"] / 2)
        assert first_call["ticks"] > 10

    def test_its_settings(self, first_call: dict[str, Any]) -> None:
        assert first_call["settings"] == [True, True, None]


@pytest.mark.full
def test_an_application_that_imported_litellm_keeps_its_settings() -> None:
    code = textwrap.dedent("""
        import logging, os
        os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
        import litellm
        handlers = {n: list(logging.getLogger(n).handlers) for n in ("LiteLLM", "LiteLLM Router")}
        logging.getLogger("LiteLLM").setLevel(logging.INFO)
        from bruno_llm import _litellm
        assert _litellm.load_now() is litellm
        assert handlers == {n: list(logging.getLogger(n).handlers) for n in handlers}
        assert logging.getLogger("LiteLLM").level == logging.INFO
        assert os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] == "True"
        """)
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert run.returncode == 0, run.stderr


class TestNoRequestBesideTheCall:
    @pytest.mark.covering(1)
    @pytest.mark.parametrize("way", ["complete", "stream_events"])
    @pytest.mark.parametrize(
        "fault",
        [
            Fault.reset(),
            Fault.html(),
            Fault.cut(0),
            *(Fault.status(status) for status in (400, 401, 404, 408, 409, 429, 500, 503)),
        ],
        ids=lambda fault: f"{fault.kind}-{fault.http_status}",
    )
    @pytest.mark.parametrize("case", CASES[:4], ids=str)
    async def test_nothing_below_tries_again(
        self, case: Case, server: FakeServer, way: str, fault: Fault
    ) -> None:
        server.default = fault
        with pytest.raises(LLMError):
            await ask(case.provider(server), way)
        assert [request.endpoint for request in server.requests] == ["chat"]

    @pytest.mark.parametrize("way", ["complete", "stream_events"])
    async def test_ollamas_models_are_not_looked_up(self, server: FakeServer, way: str) -> None:
        provider = OllamaProvider("model-of-mine:7b", base_url=server.base_url("ollama"))
        tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
        await ask(provider, way, tools=[tool], num_ctx=4096)
        assert [request.path for request in server.requests] == ["/api/chat"]


FOREIGN = ("litellm.", "mcp")


@pytest.mark.parametrize("case", CASES[:4], ids=str)
async def test_tools_work_without_the_package_mcp(
    case: Case, server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    # litellm's modules that import it too: one that is loaded would not notice.
    for name in [name for name in sys.modules if "mcp" in name and name.startswith(FOREIGN)]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "mcp", None)
    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
    for way in ("complete", "stream_events"):
        assert await ask(case.provider(server), way, tools=[tool]) == "Hello"


@pytest.mark.parametrize("case", CASES[:4], ids=str)
async def test_no_setting_of_litellm_is_changed_by_a_call(case: Case, server: FakeServer) -> None:
    litellm = await _litellm.load()
    names = [
        name
        for name, value in vars(litellm).items()
        if isinstance(value, bool | int | float | str | list | type(None))
        and not name.startswith("_")
    ]
    before = {name: repr(getattr(litellm, name)) for name in names}
    for way in ("complete", "stream_events"):
        await ask(case.provider(server), way, temperature=0.5)
    server.script(Fault.status(500))
    with pytest.raises(LLMError):
        await ask(case.provider(server), "complete")
    assert {name: repr(getattr(litellm, name)) for name in names} == before


async def test_litellm_is_loaded_once_by_many() -> None:
    first, *others = await asyncio.gather(*(_litellm.load() for _ in range(10)))
    assert all(other is first for other in others)
    assert _litellm.is_loaded()


async def test_a_model_that_is_named_in_the_map_has_facts() -> None:
    await _litellm.load()
    facts = _litellm.model_facts("gpt-4o-mini", "openai")
    assert facts["max_input_tokens"] == 128_000
    assert _litellm.model_facts("anthropic/claude-sonnet-4-5")["litellm_provider"] == "anthropic"
    assert _litellm.model_facts("nobody/knows-this") == {}


@pytest.mark.parametrize(
    ("model", "route"),
    [
        ("groq/llama-3.3-70b-versatile", "groq"),
        ("gpt-4o-mini", "openai"),
        ("claude-sonnet-4-5", "anthropic"),
        ("nobody-knows-this", "openai"),
    ],
)
async def test_the_route_of_a_model(model: str, route: str) -> None:
    await _litellm.load()
    assert _litellm.route_of(model) == route


async def test_a_litellm_that_fails_in_its_own_way_is_still_our_error(server: FakeServer) -> None:
    """An image litellm cannot digest: no request, one clean line."""
    image = {"type": "image_url", "image_url": {"url": "neither an address nor data"}}
    with pytest.raises(LLMError) as caught:
        await CASES[1].provider(server).complete([{"role": "user", "content": [image]}])
    assert "\n" not in str(caught.value)
    assert server.requests == []


async def test_the_proxy_of_the_environment_is_not_asked_for_this_machine(
    server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    server.default = Reply("direct")
    for case in CASES[:4]:
        assert await ask(case.provider(server), "complete") == "direct"
        assert await case.provider(server).check_connection()
