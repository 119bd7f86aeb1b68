"""A forked child answers calls, and leaves its parent's connections, threads and slots alone."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bruno_llm.testing import FakeServer, Reply, Request
from tests.terminal import Piped, bare_environment

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")

# What each program begins with. The child's own provider counts with another vocabulary than the
# parent's, so that it needs the thread that loads things; whoever hangs is ended from outside.
BEGINNING = """
import asyncio, multiprocessing, sys, threading
from bruno_llm import ClaudeProvider, OllamaProvider, OpenAIProvider, RateLimit

url = sys.argv[1]
limit = RateLimit(concurrency=1, requests_per_minute=1000)
options = {"api_key": "a-key-of-20-letters", "retry": None}
openai = OpenAIProvider("gpt-4o", base_url=url + "/v1", rate_limit=limit, **options)
others = [
    ClaudeProvider("claude-sonnet-4-5", base_url=url, rate_limit=limit, **options),
    OllamaProvider("llama3.2", base_url=url, rate_limit=limit, **options),
]

async def ask(*providers):
    for provider in providers:
        assert await provider.generate("hi") == "Hello"
        assert [piece async for piece in provider.stream("hi")] == ["Hello"]

def child():
    asyncio.run(ask(openai, *others))

def forked(work):
    process = multiprocessing.get_context("fork").Process(target=work)
    process.start()
    process.join(40)
    if process.is_alive():
        process.kill()
    process.join()
    assert process.exitcode == 0, process.exitcode
"""

AFTER_A_CALL = """
asyncio.run(ask(openai))
forked(child)
asyncio.run(ask(openai, *others))
"""

INSIDE_A_STREAM = """
async def main():
    stream = openai.stream("long")
    assert await anext(stream) == "one"
    forked(child)
    assert [piece async for piece in stream] == [" two"]
    await ask(openai)

asyncio.run(main())
"""

ON_THE_SAME_LOOP = """
loop = asyncio.new_event_loop()
loop.run_until_complete(ask(openai))

def same():
    mine = asyncio.new_event_loop()
    mine.run_until_complete(ask(openai))
    mine.run_until_complete(mine.shutdown_asyncgens())
    mine.close()
    loop.run_until_complete(loop.shutdown_asyncgens())

forked(same)
loop.run_until_complete(ask(openai))
loop.run_until_complete(loop.shutdown_asyncgens())
loop.close()
"""

WHILE_LOCKS_ARE_HELD = """
asyncio.run(ask(openai))
from bruno_llm._runtime import forks
held, done = threading.Event(), threading.Event()

def hold():
    locks = list(forks._locks)
    assert len(locks) > 5
    for lock in locks:
        lock.acquire()
    held.set()
    done.wait()
    for lock in locks:
        lock.release()

thread = threading.Thread(target=hold)
thread.start()
held.wait()
try:
    forked(child)
finally:
    done.set()
thread.join()
asyncio.run(ask(openai))
"""


@pytest.mark.parametrize(
    ("code", "requests"),
    [
        pytest.param(AFTER_A_CALL, 2 + 6 + 6, id="after a call"),
        pytest.param(INSIDE_A_STREAM, 1 + 6 + 2, id="inside a stream"),
        pytest.param(ON_THE_SAME_LOOP, 2 + 2 + 2, id="with a loop of the parent's"),
        pytest.param(WHILE_LOCKS_ARE_HELD, 2 + 6 + 2, id="while locks are held"),
    ],
)
def test_a_forked_child_answers(
    server: FakeServer, tmp_path: Path, code: str, requests: int
) -> None:
    def reply(request: Request) -> Reply:
        long = "long" in str(request.json)
        return Reply("one two") if long else Reply("Hello")

    server.default = reply
    whole = BEGINNING.replace("sys.argv[1]", repr(server.url)) + code
    with Piped([], bare_environment(tmp_path), code=whole) as program:
        told = program.stderr.readall().decode()
        assert program.wait() == 0, told[-3000:]
    assert "Error" not in told and "Warning: unclosed" not in told
    assert len(server.requests) == requests
    assert server.disconnects == 0
