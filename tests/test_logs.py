"""What is printed: nothing by default, and all of it where somebody asked for it."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest
import structlog

import bruno_llm
from bruno_llm import ConfigurationError, LLMError, OpenAIProvider, Retry
from bruno_llm._runtime.log import get_logger
from bruno_llm.testing import FakeServer, Fault, Reply
from tests.warm import Worker

KEY = "k" * 20
QUICK = Retry(attempts=2, wait_initial=0.001, wait_max=0.001)

PROGRAM = """
import asyncio, logging, sys
import bruno_llm
from bruno_llm import LLMError, OpenAIProvider

llm = OpenAIProvider(api_key="{key}", base_url="{url}", retry=None)

async def both():
    print(await llm.generate("Hi"))
    async for piece in llm.stream("Hi"):
        print(piece, end="")
    print()

async def failing():
    for ask in (llm.generate("Hi"), anext(llm.stream("Hi"))):
        try:
            await ask
        except LLMError as error:
            print("caught", type(error).__name__)

def phase(name, work=both):
    for stream in (sys.stdout, sys.stderr):
        print("##", name, file=stream, flush=True)
    asyncio.run(work())

phase("default")
phase("failed", failing)
bruno_llm.log("info")
phase("shown")
bruno_llm.log("DEBUG")
bruno_llm.log(None)
phase("undone")
logging.basicConfig(level="INFO", format="%(name)s|%(message)s")
logging.getLogger("httpx").setLevel("WARNING")
phase("standard")
bruno_llm.log("DEBUG")
phase("standard, more")
bruno_llm.log(None)
import structlog
structlog.configure(
    processors=[structlog.processors.add_log_level, structlog.processors.JSONRenderer()]
)
phase("structlog")
from bruno_core.utils.logging import setup_logging
setup_logging(level="INFO", format_type="json")
phase("bruno-core")
"""


@pytest.fixture(scope="module")
def printed() -> dict[str, tuple[list[str], list[str]]]:
    """What a program of its own printed on stdout and stderr, phase by phase."""
    with FakeServer() as server:
        server.script(*[Reply("Hello")] * 2, Fault.status(500), Fault.status(500))
        program = PROGRAM.format(key=KEY, url=server.base_url("openai"))
        process = Worker(program)
        said = process.communicate(60)
    assert process.returncode == 0, said
    found: dict[str, tuple[list[str], list[str]]] = {}
    for place, text in enumerate(said):
        for phase in text.split("## ")[1:]:
            name, *lines = phase.splitlines()
            found.setdefault(name, ([], []))[place].extend(lines)
    return found


Printed = dict[str, tuple[list[str], list[str]]]
HELLO = ["Hello", "Hello"]


@pytest.fixture
def unconfigured() -> Iterator[None]:
    """structlog as it is in a program that never configured it."""
    before = structlog.get_config() if structlog.is_configured() else None
    structlog.reset_defaults()
    yield
    bruno_llm.log(None)
    if before is not None:
        structlog.configure(**before)
    else:
        structlog.reset_defaults()


def test_a_call_prints_nothing_but_what_the_program_prints(printed: Printed) -> None:
    assert printed["default"] == (HELLO, [])


def test_a_call_that_fails_says_so_on_stderr_alone(printed: Printed) -> None:
    out, told = printed["failed"]
    assert out == ["caught ServiceUnavailableError"] * 2
    assert [line.partition(" ")[0] for line in told] == ["llm_call_failed"] * 2
    assert "error=ServiceUnavailableError" in told[0]


def test_one_call_shows_the_events_on_stderr_and_undoes_it(printed: Printed) -> None:
    out, told = printed["shown"]
    assert out == HELLO
    assert len(told) == 2
    assert all(" INFO llm_call_finished " in line and " latency=" in line for line in told)
    assert KEY not in str(told)
    assert printed["undone"] == (HELLO, [])


def test_the_standard_setup_shows_them_once(printed: Printed) -> None:
    def ours(phase: str) -> list[str]:
        lines = [line for line in printed[phase][1] if line.startswith("bruno_llm.")]
        return [line.partition(" ")[0] for line in lines]

    started, finished = (f"bruno_llm.call.watch|llm_call_{w}" for w in ("started", "finished"))
    assert ours("standard") == [finished] * 2
    assert ours("standard, more") == [started, finished] * 2


@pytest.mark.parametrize("phase", ["structlog", "bruno-core"])
def test_an_application_that_configured_structlog_gets_them_there(
    phase: str, printed: Printed
) -> None:
    out, told = printed[phase]
    # Where the words of a stream stand, the event stands behind them.
    events = [json.loads(line[line.index("{") :]) for line in out if "{" in line]
    assert [one["event"] for one in events if one["level"] == "info"] == ["llm_call_finished"] * 2
    assert events[-1]["prompt_tokens"] > 0
    assert not any("llm_call" in line for line in told)


async def test_a_record_has_the_fields_and_the_place(
    server: FakeServer, unconfigured: None, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", "bruno_llm")
    server.script(Fault.status(503))
    llm = OpenAIProvider(api_key=KEY, base_url=server.base_url("openai"), retry=QUICK)
    assert await llm.generate("A question") == "Hello"
    ours = [record for record in caplog.records if record.name.startswith("bruno_llm.")]
    by_event = {record.getMessage().partition(" ")[0]: record for record in ours}
    assert list(by_event) == ["llm_call_started", "llm_call_retried", "llm_call_finished"]
    finished = by_event["llm_call_finished"]
    assert finished.name == "bruno_llm.call.watch" and finished.levelno == logging.INFO
    assert finished.filename == "watch.py"
    assert finished.fields["completion_tokens"] == 5  # type: ignore[attr-defined]
    assert "A question" not in caplog.text and KEY not in caplog.text


async def test_structlog_that_is_configured_later_gets_them_from_then_on(
    server: FakeServer, unconfigured: None, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "bruno_llm")
    llm = OpenAIProvider(api_key=KEY, base_url=server.base_url("openai"), retry=None)
    await llm.generate("Hi")
    with structlog.testing.capture_logs() as events:
        await llm.generate("Hi")
        with pytest.raises(LLMError):
            server.script(Fault.status(400))
            await llm.generate("Hi")
    assert [r.getMessage().partition(" ")[0] for r in caplog.records] == ["llm_call_finished"]
    names = [event["event"] for event in events if event["log_level"] != "debug"]
    assert names == ["llm_call_finished", "llm_call_failed"]


def test_a_field_cannot_command_a_terminal_or_begin_a_line(
    unconfigured: None, caplog: pytest.LogCaptureFixture
) -> None:
    get_logger("bruno_llm.test").warning("something", said="a\x1b[2J\nERROR faked", plain="x")
    (record,) = caplog.records
    assert record.getMessage() == r"something said='a\x1b[2J\nERROR faked' plain=x"


@pytest.mark.parametrize("level", ["loud", "inf", -1, True, 1.5, ""])
def test_a_level_that_is_none(level: int | str) -> None:
    with pytest.raises(ConfigurationError, match="there is no level"):
        bruno_llm.log(level)


@pytest.mark.parametrize("level", ["debug", "DEBUG", logging.DEBUG])
def test_levels(level: int | str, unconfigured: None) -> None:
    bruno_llm.log(level)
    assert logging.getLogger("bruno_llm").level == logging.DEBUG
