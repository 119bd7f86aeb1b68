"""What a ledger could not be told yet: kept in memory and in a file, and tried again."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from bruno_llm import _clock
from bruno_llm._runtime.log import get_logger
from bruno_llm.costs.books import Entry, Free, Limit, Operation, Post, Reserve

__all__ = ["Unwritten"]

logger = get_logger(__name__)

_MOST = 10_000
_MOST_FILES = 16
_FIRST_PAUSE = 1.0
_LONGEST_PAUSE = 30.0


class Unwritten:
    """Bookings and releases that failed, by the key of their reservation.

    A booking that could not be written keeps its reservation: it is not given back by anybody
    before the booking stands in the ledger.

    Args:
        aside: The start of the names of its files (``costs.db``, for ``costs.db.unwritten.*``);
            ``None`` where there are none. A booking is put into one as soon as it has failed,
            because this process may be killed; the next process that opens the ledger takes it in.
        owner: Tells this process's files from those of others.
        label: The ledger's name in events.
    """

    def __init__(self, aside: Path | None, owner: str, label: str) -> None:
        self._aside = aside
        self._owner = owner
        self._label = label
        self._kept: dict[str, Operation] = {}
        self._files: list[Path] = []
        # Keys of the bookings that stand in one of the files.
        self._safe: set[str] = set()
        self._spilled = 0
        self._pause = _FIRST_PAUSE
        self._due = 0.0

    def __len__(self) -> int:
        return len(self._kept)

    def keep(self, operation: Operation) -> None:
        """Note what failed, for another try."""
        if isinstance(operation, Post):
            self._kept[operation.entry.id] = operation
        elif isinstance(operation, Reserve):
            # Its caller was told that it failed, and will not give it back.
            self._kept.setdefault(operation.key, Free(operation.key))
        elif isinstance(operation, Free):
            self._kept.setdefault(operation.key, operation)
        if len(self._kept) > _MOST and self.spill():
            # Not among the files that are done with: they are taken in when there is room again.
            self._forget()
            self._kept.clear()

    def wait(self) -> float | None:
        """Seconds until the next try, ``None`` when there is nothing to try."""
        return max(0.0, self._due - _clock.monotonic()) if self._kept else None

    def due(self) -> list[Operation]:
        """What to try now, if its time has come."""
        return self.all() if self._kept and _clock.monotonic() >= self._due else []

    def all(self) -> list[Operation]:
        """Everything that is kept."""
        return list(self._kept.values())

    def failed(self) -> None:
        """A try failed: the next one comes later, twice as late each time, at most 30 s."""
        self._due = _clock.monotonic() + self._pause
        self._pause = min(2 * self._pause, _LONGEST_PAUSE)

    def written(self, operations: Iterable[Operation]) -> None:
        """These stand in the ledger now."""
        posts = 0
        for operation in operations:
            key = operation.entry.id if isinstance(operation, Post) else _key(operation)
            if self._kept.pop(key, None) is not None:
                posts += isinstance(operation, Post)
        if posts:
            logger.warning("ledger_caught_up", ledger=self._label, bookings=posts)
        if not self._kept:
            self._pause = _FIRST_PAUSE
            for path in self._files:
                path.unlink(missing_ok=True)
            self._forget()
            self.take_in()

    def _forget(self) -> None:
        self._files.clear()
        self._safe.clear()

    # --- the file beside the ledger -----------------------------------------------------------

    def take_in(self) -> None:
        """Read what other processes left; writing it twice is harmless, their keys are known."""
        if self._aside is None:
            return
        start = f"{self._aside.name}.unwritten."
        try:
            beside = sorted(self._aside.parent.iterdir())
        except OSError:
            return
        for path in beside:
            if not path.name.startswith(start) or path.suffix == ".part" or path in self._files:
                continue
            try:
                posts = [_post(line) for line in path.read_text("utf-8").splitlines()]
            except (OSError, ValueError, TypeError, KeyError) as error:
                logger.error("ledger_spill_unreadable", file=path.name, error=type(error).__name__)
                continue
            self._kept |= {post.entry.id: post for post in posts}
            self._safe |= {post.entry.id for post in posts}
            self._files.append(path)

    def spill(self) -> bool:
        """Put the bookings into a file as well, which goes when they are written.

        Returns:
            Whether there are bookings and all of them stand in files.
        """
        posts = self._posts()
        if self._aside is None or not posts:
            return False
        many = len(self._files) >= _MOST_FILES
        fresh = posts if many else [post for post in posts if post.entry.id not in self._safe]
        if not fresh:
            return True
        self._spilled += 1
        name = f"{self._aside.name}.unwritten.{self._owner}.{self._spilled}"
        path = self._aside.with_name(name)
        part = path.with_name(f"{name}.part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            part.write_text("".join(map(_line, fresh)), "utf-8")
            part.replace(path)
        except OSError as error:
            logger.error("ledger_spill_failed", file=name, error=type(error).__name__)
            return False
        if many:  # all of it stands in the new one
            for old in self._files:
                old.unlink(missing_ok=True)
            self._forget()
        self._files.append(path)
        self._safe |= {post.entry.id for post in fresh}
        return True

    def end(self) -> None:
        """Say what is left undone when the process ends: it is in a file, or lost."""
        posts = self._posts()
        if posts and self.spill():
            logger.error("ledger_bookings_spilled", ledger=self._label, bookings=len(posts))
            return
        for post in posts:
            entry = post.entry
            logger.error(
                "ledger_booking_lost",
                ledger=self._label,
                provider=entry.provider,
                model=entry.model,
                prompt_tokens=entry.prompt_tokens,
                completion_tokens=entry.completion_tokens,
                cost_pico_usd=entry.cost,
            )

    def _posts(self) -> list[Post]:
        return [operation for operation in self._kept.values() if isinstance(operation, Post)]


def _key(operation: Operation) -> str:
    return operation.key if isinstance(operation, Free | Reserve) else ""


def _line(post: Post) -> str:
    kept: Sequence[object] = (post.entry, post.charge, post.keys)
    return json.dumps(kept) + "\n"


def _post(line: str) -> Post:
    entry, charge, keys = json.loads(line)
    limits: list[Limit] = []
    return Post(Entry(*entry), int(charge), [(period, tag) for period, tag in keys], limits)
