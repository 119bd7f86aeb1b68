"""What a subject says of itself: the cases that are measured, and the rows that come of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Goal:
    """What ours shall reach: at most so much, or so many times what another one has.

    ``than`` names that contender, ``of`` another measure of its own instead; ``who`` is the column
    that has the goal; ``least`` turns it round.
    """

    limit: float
    than: str | None = None
    of: str | None = None
    who: str = "bruno"
    least: bool = False


@dataclass(frozen=True)
class Row:
    """A line of the table: one measure of a case, in ``scale`` times its base unit.

    ``counted`` is a number that is the same wherever it runs: neither spread nor ratio are told.
    ``own`` is a measure that this package has, in any release, and others have not.
    """

    label: str
    measure: str
    scale: float = 1.0
    counted: bool = False
    own: bool = False
    goals: tuple[Goal, ...] = ()


@dataclass(frozen=True)
class Case:
    """One thing that every contender does in turn, ``rounds`` times.

    ``wire`` is the wire it is done on; ``needs`` what a contender has to have for it: ``calls``,
    ``limits`` or nothing. A ``fresh`` case is done by a process that has done nothing else; all
    others have one round more, which is not counted.
    """

    subject: str
    setting: Mapping[str, Any]
    rows: tuple[Row, ...]
    rounds: int
    wire: str = "openai"
    needs: str | None = None
    fresh: bool = False
