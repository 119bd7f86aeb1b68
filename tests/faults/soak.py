"""A server that fails at random from a seed and knows what it did, in a process of its own."""

from __future__ import annotations

import json
import multiprocessing
import random
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any

from bruno_llm import (
    EmptyResponseError,
    LLMError,
    ProviderConnectionError,
    RateLimitError,
    RequestTimeoutError,
    ServiceUnavailableError,
    StreamError,
    TransientError,
)
from bruno_llm.testing import FakeServer, Fault, Raw, Reply, Request

# How often out of 100 tries; the rest are right answers. A 429 that does not say for how long
# holds every caller of the rate limit for a second, so it is kept to every twentieth call.
WEIGHTS = {
    "slow": 4,
    "429": 12,
    "429 told": 5,
    "500": 3,
    "503": 3,
    "529": 3,
    "reset": 4,
    "reset_stream": 4,
    "stall": 1,
    "cut": 4,
    "malformed": 4,
    "error_event": 2,
    "html": 2,
    "empty": 1,
}
# What it does in the middle of a stream, after some of the answer.
IN_STREAM = ("reset_stream", "stall", "cut", "malformed", "error_event")
ANSWERS = ("right", "slow")


@dataclass(frozen=True, slots=True)
class Try:
    """One request and what the server did to it; ``after`` counts the pieces it sent before."""

    kind: str
    after: int
    streamed: bool
    text: str

    @property
    def error(self) -> type[LLMError] | None:
        """The class that stands for it, ``None`` for an answer."""
        if self.kind in ANSWERS:
            return None
        if self.streamed and self.kind in IN_STREAM and self.after:
            return StreamError
        return {
            "429": RateLimitError,
            "429 told": RateLimitError,
            "reset": ProviderConnectionError,
            "reset_stream": ProviderConnectionError,
            "stall": RequestTimeoutError,
            "empty": EmptyResponseError,
        }.get(self.kind, ServiceUnavailableError)

    @property
    def is_lost(self) -> bool:
        """Whether the request went out and neither an answer nor an error came back."""
        if self.kind in IN_STREAM and self.kind != "error_event":
            return not (self.streamed and self.after)
        return self.kind in ("reset", "html")

    @property
    def sent(self) -> str:
        """What of the text a reader had when it broke."""
        return "".join(_pieces(self.text)[: self.after])

    def explains(self, outcome: Any) -> bool:
        """Whether a call whose last try this was may end so."""
        if self.error is None:
            return bool(outcome == self.text)
        if type(outcome) is not self.error:
            # The kernel may throw away what was sent just before a reset.
            return self.kind == "reset_stream" and type(outcome) is ProviderConnectionError
        if self.error is not StreamError:
            return True
        told = outcome.partial.text
        return bool(
            told == self.sent or (self.kind == "reset_stream" and self.sent.startswith(told))
        )

    @property
    def may_be_followed(self) -> bool:
        """Whether another try may come after it."""
        wanted = self.error
        return wanted is not None and (
            issubclass(wanted, TransientError) or self.kind == "reset_stream"
        )


def _pieces(text: str) -> list[str]:
    return Reply(text).text_pieces()


def decide(seed: int, call: int, number: int, streamed: bool) -> Try:
    """What happens to the try of that number of that call: the same in every run."""
    dice = random.Random(f"{seed}/{call}/{number}/{streamed}")
    kinds = {**WEIGHTS, "right": 112 - sum(WEIGHTS.values())}
    if number:
        del kinds["stall"]  # so that a call never waits for two of them
    if number or call % 20:
        del kinds["429"]
    (kind,) = dice.choices(list(kinds), list(kinds.values()))
    text = f"This is answer {number} to call {call} of a long day with many words in it"
    return Try(kind, dice.randrange(4), streamed, text)


def item(it: Try) -> Reply | Fault:
    """What stands for it in a script."""
    reply = Reply(it.text)
    if it.kind == "slow":
        return Reply(it.text, delay=0.02)
    if it.kind == "429 told":
        return Fault.status(429, retry_after=0.05)
    if it.kind.isdigit():
        return Fault.status(int(it.kind))
    if it.kind in IN_STREAM:
        fault: Fault = getattr(Fault, it.kind)(it.after, reply=reply)
        return fault
    return {
        "right": reply,
        "reset": Fault.reset(),
        "html": Fault.html(),
        "empty": Fault.empty(),
    }[it.kind]


@dataclass(slots=True)
class Log:
    """What the server has seen: the tries of each call, in their order."""

    tries: dict[int, list[Try]] = field(default_factory=dict)
    requests: int = 0
    peak: int = 0
    open_streams: int = 0
    errors: int = 0


Plan = Callable[[int, int, int, bool], Try]
Play = Callable[[Try], Any]


def _serve(pipe: Connection, seed: int, plan: Plan, play: Play) -> None:
    tries: dict[int, list[Try]] = {}

    def answer(request: Request) -> Reply | Fault | Raw:
        found = re.search(r"call-(\d+)", json.dumps(request.json))
        assert found is not None
        call = int(found[1])
        mine = tries.setdefault(call, [])
        mine.append(plan(seed, call, len(mine), request.stream))
        item: Reply | Fault | Raw = play(mine[-1])
        return item

    with FakeServer() as server:
        server.default = answer
        pipe.send(server.url)
        while pipe.recv() == "log":
            pipe.send(
                Log(
                    dict(tries),
                    len(server.requests),
                    server.peak,
                    server.open_streams,
                    len(server.errors),
                )
            )
            tries.clear()
            server.requests.clear()


class FaultyServer:
    """The client's end of it."""

    def __init__(self, url: str, pipe: Connection) -> None:
        self.url = url
        self._pipe = pipe

    def base_url(self, vendor: str) -> str:
        """As ``FakeServer.base_url``."""
        return f"{self.url}/v1" if vendor == "openai" else self.url

    def log(self) -> Log:
        """Everything since the last time this was asked."""
        self._pipe.send("log")
        log: Log = self._pipe.recv()
        return log


@contextmanager
def faulty_server(seed: int, plan: Plan = decide, play: Play = item) -> Iterator[FaultyServer]:
    """Start it in a process of its own, so that the client's time and memory are the client's.

    ``plan`` and ``play`` are importable functions: they are called in the other process.
    """
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, seed, plan, play), daemon=True)
    process.start()
    theirs.close()
    try:
        yield FaultyServer(ours.recv(), ours)
        ours.send("stop")
        process.join(10)
    finally:
        process.terminate()
        process.join()
        ours.close()
