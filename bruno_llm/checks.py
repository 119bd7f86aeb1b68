"""What a setting may be, and what to say when it is not: limits of numbers, and nearest names.

A setting's annotation says its limits (``attempts: Count``, ``timeout: Seconds | None``).
:func:`check` holds a value against one, :func:`check_arguments` a whole signature, and pydantic
makes the configuration's check and JSON schema from the same annotations.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from functools import cache
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from annotated_types import Ge, Gt, Le

from bruno_llm.exceptions import ConfigurationError

__all__ = [
    "Amount",
    "Count",
    "CountOrNone",
    "PerMinute",
    "Seconds",
    "Share",
    "Temperature",
    "Wait",
    "check",
    "check_arguments",
    "nearest",
    "no_text",
]

Count = Annotated[int, Ge(1)]
"""A whole number from 1 on."""

CountOrNone = Annotated[int, Ge(0)]
"""A whole number from 0 on."""

Seconds = Annotated[float, Gt(0)]
"""A time above 0."""

Wait = Annotated[float, Ge(0)]
"""A time that may be 0 seconds."""

PerMinute = Annotated[float, Gt(0)]
"""A pace above 0."""

Amount = Annotated[float, Ge(0)]
"""US dollars, 0 or more."""

Share = Annotated[float, Gt(0), Le(1)]
"""A part of something: above 0, at most 1."""

Temperature = Annotated[float, Ge(0), Le(2)]
"""How freely the model draws; OpenAI, Gemini and Ollama go to 2, Anthropic to 1."""

_LONGEST_SHOWN = 20
# What a database and other languages take for a whole number.
_LARGEST = 2**63 - 1


def check(name: str, value: Any, limit: Any, owner: str = "") -> None:
    """Refuse a value outside its limit.

    Args:
        name: The setting.
        value: What it was given.
        limit: One of the types above, a ``Literal``, or either of them ``| None``.
        owner: Whose setting it is, such as ``"Retry"``.

    Raises:
        ConfigurationError: Names the setting, the value and what is allowed.
    """
    rule = _rule(limit)
    if rule is None or rule.allows(value):
        return
    shown = _shown(value)
    where = f"{owner}({name}={shown})" if owner else f"{name}={shown}"
    raise ConfigurationError(f"{where} is not allowed: {rule.words}")


def _shown(value: Any) -> str:
    # A text may be a secret that stands in the wrong place, and a collection may hold one.
    if isinstance(value, int) and abs(value) > _LARGEST:
        return "a number above 2**63"
    if isinstance(value, str):
        return repr(value) if len(value) <= _LONGEST_SHOWN else "a long text"
    return repr(value) if value is None or isinstance(value, int | float) else _kind(value)


def _kind(value: Any) -> str:
    name = type(value).__name__
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"


def check_arguments(owner: str, signature: Callable[..., Any], values: Mapping[str, Any]) -> None:
    """Check every argument whose annotation has a limit.

    Args:
        owner: The class, for the error.
        signature: Its ``__init__``, or a dataclass.
        values: Argument -> value; other names in it do not matter.

    Raises:
        ConfigurationError: See :func:`check`.
    """
    for name, limit in _limits(signature).items():
        if name in values:
            check(name, values[name], limit, owner)


def no_text(name: str, value: Any, hint: str | None = None) -> ConfigurationError:
    """The error for a setting that must be a text; the value is not shown, it may be a secret."""
    return ConfigurationError(f"{name} must be a text, not {type(value).__name__}", hint=hint)


def nearest(name: str, known: Iterable[str]) -> str:
    """``"; did you mean 'model'?"``, or the whole list when nothing is near."""
    names = sorted(known)
    near = get_close_matches(name, names, n=1)
    return f"; did you mean {near[0]!r}?" if near else f"; known: {', '.join(names)}"


@cache
def _limits(signature: Callable[..., Any]) -> dict[str, Any]:
    hints = get_type_hints(signature, include_extras=True)
    return {name: hint for name, hint in hints.items() if _rule(hint) is not None}


class _Rule:
    def __init__(self, base: Any, bounds: tuple[Any, ...], optional: bool) -> None:
        self._whole = base is int
        self._bounds = bounds
        self._optional = optional
        words = "a whole number" if self._whole else "a number"
        for bound in bounds:
            if isinstance(bound, Gt):
                words += f" above {bound.gt}"
            elif isinstance(bound, Ge):
                words += f" of at least {bound.ge}"
            elif isinstance(bound, Le):
                words += f" and at most {bound.le}"
        self.words = words + (", or None" if optional else "")

    def allows(self, value: Any) -> bool:
        if value is None:
            return self._optional
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        if isinstance(value, int) and abs(value) > _LARGEST:
            return False
        if not math.isfinite(value) or (self._whole and value != int(value)):
            return False
        return all(_within(value, bound) for bound in self._bounds)


class _Choice:
    def __init__(self, names: tuple[Any, ...], optional: bool) -> None:
        self._names = (*names, None) if optional else names
        self.words = f"one of {', '.join(map(repr, self._names))}"

    def allows(self, value: Any) -> bool:
        return value in self._names


def _within(value: float, bound: Any) -> bool:
    if isinstance(bound, Gt):
        return value > bound.gt  # type: ignore[operator]  # typed for all that can be compared
    if isinstance(bound, Ge):
        return value >= bound.ge  # type: ignore[operator]
    return not isinstance(bound, Le) or value <= bound.le  # type: ignore[operator]


@cache
def _rule(limit: Any) -> _Rule | _Choice | None:
    optional = False
    if get_origin(limit) in (Union, UnionType):
        others = [part for part in get_args(limit) if part is not type(None)]
        optional = len(others) < len(get_args(limit))
        limit = others[0] if len(others) == 1 else None
    if get_origin(limit) is Literal:
        return _Choice(get_args(limit), optional)
    if get_origin(limit) is Annotated:
        base, *bounds = get_args(limit)
        return _Rule(base, tuple(bounds), optional) if base in (int, float) else None
    return None
