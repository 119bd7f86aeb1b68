"""The answers that a test has scripted, in their order."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Any

from bruno_llm.exceptions import ConfigurationError
from bruno_llm.testing.fake.reply import Reply
from bruno_llm.testing.fake.request import EndpointName, Request
from bruno_llm.testing.fake.script import Fault, Item, Raw

SHARED: tuple[EndpointName, ...] = ("chat", "embed")
"""The endpoints whose answers stand in one queue."""


class Queues:
    """One queue for chat and embeddings, one for each other endpoint."""

    def __init__(self) -> None:
        self._shared: deque[Item] = deque()
        self._others: dict[str, deque[Item]] = {}

    def add(self, items: Iterable[Item], endpoint: EndpointName) -> None:
        """Queue answers behind those that are there."""
        shared = endpoint in SHARED
        queue = self._shared if shared else self._others.setdefault(endpoint, deque())
        queue.extend(items)

    def __len__(self) -> int:
        return len(self._shared) + sum(len(queue) for queue in self._others.values())

    def next(self, request: Request, default: Item) -> Reply | Fault | Raw:
        """The answer to ``request``; a callable is asked for it."""
        item: Any
        if request.endpoint in SHARED:
            item = self._shared.popleft() if self._shared else default
        else:
            queue = self._others.get(request.endpoint)
            item = queue.popleft() if queue else Reply()
        if callable(item):
            item = item(request)
        if not isinstance(item, (Reply, Fault, Raw)):
            raise ConfigurationError(
                f"FakeServer.script: {type(item).__name__} is not a Reply, Fault or Raw, nor a "
                "callable that returns one"
            )
        return item
