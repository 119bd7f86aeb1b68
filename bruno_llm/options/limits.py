"""The types of settings: numbers within limits, texts of a form, and what holds them.

An annotation says everything (``attempts: Count``, ``top_p: Part | None``): type checkers read it,
pydantic makes the configuration's check and JSON schema of it, and :func:`rule_of` the check that
constructors and calls make.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Protocol, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le
from pydantic import BeforeValidator

__all__ = [
    "LARGEST",
    "Amount",
    "Count",
    "CountOrZero",
    "HeaderName",
    "HeaderText",
    "Label",
    "Penalty",
    "PerMinute",
    "Seconds",
    "Share",
    "ShareOrZero",
    "Temperature",
    "Wait",
    "rule_of",
]


@dataclass(frozen=True, slots=True)
class Matching:
    """The form of a text: a pattern that it fits as a whole, and how an error calls it."""

    pattern: str
    words: str


def _no_switch(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("must be a number, not true or false")
    return value


# pydantic would take true for 1.
_NO_SWITCH = BeforeValidator(_no_switch)

Count = Annotated[int, Ge(1), _NO_SWITCH]
"""A whole number from 1 on."""

CountOrZero = Annotated[int, Ge(0), _NO_SWITCH]
"""A whole number from 0 on."""

Seconds = Annotated[float, Gt(0), _NO_SWITCH]
"""A time above 0."""

Wait = Annotated[float, Ge(0), _NO_SWITCH]
"""A time that may be 0 seconds."""

PerMinute = Annotated[float, Gt(0), _NO_SWITCH]
"""A pace above 0."""

Amount = Annotated[float, Ge(0), _NO_SWITCH]
"""US dollars, 0 or more."""

Share = Annotated[float, Gt(0), Le(1), _NO_SWITCH]
"""A part of something: above 0, at most 1."""

ShareOrZero = Annotated[float, Ge(0), Le(1), _NO_SWITCH]
"""A part of something that may be nothing: 0 to 1."""

Temperature = Annotated[float, Ge(0), Le(2), _NO_SWITCH]
"""How freely the model draws; OpenAI, Gemini and Ollama go to 2, Anthropic to 1."""

Penalty = Annotated[float, Ge(-2), Le(2), _NO_SWITCH]
"""OpenAI API reference, "presence_penalty": -2 to 2."""

HeaderName = Annotated[str, Matching(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", "the name of a header")]
"""RFC 9110, 5.1."""

HeaderText = Annotated[
    str, Matching(r"([!-~]([\t -~]*[!-~])?)?", "one line of ASCII, as headers take it")
]
"""RFC 9110, 5.5; httpx and h11 refuse anything else."""

Label = Annotated[str, Matching(r"[A-Za-z0-9][A-Za-z0-9_.:-]*", "letters, digits and - . : _")]
"""A name that becomes a part of an address."""

LARGEST = 2**63 - 1
"""What databases and other languages take for a whole number."""


class Rule(Protocol):
    """What a value must be."""

    words: str

    def allows(self, value: Any) -> bool:
        """Whether it is."""
        ...


@cache
def rule_of(annotation: Any) -> Rule | None:
    """What the annotation asks of a value; ``None`` where that cannot be checked."""
    if get_origin(annotation) not in (Union, UnionType):
        return _one(annotation)
    parts = [part for part in get_args(annotation) if part is not NoneType]
    rules = [_one(part) for part in parts]
    known = [rule for rule in rules if rule is not None]
    if len(known) < len(rules):
        return None
    return _Any(tuple(known), optional=len(parts) < len(get_args(annotation)))


class _Any:
    def __init__(self, rules: tuple[Rule, ...], optional: bool) -> None:
        self._rules = rules
        self._optional = optional
        self.words = " or ".join(rule.words for rule in rules) + (", or None" if optional else "")

    def allows(self, value: Any) -> bool:
        if value is None:
            return self._optional
        return any(rule.allows(value) for rule in self._rules)


class _Number:
    def __init__(self, base: Any, bounds: tuple[Any, ...] = ()) -> None:
        self._whole = base is int
        self._bounds = bounds
        words = "a whole number" if self._whole else "a number"
        for bound in bounds:
            if isinstance(bound, Gt):
                words += f" above {bound.gt}"
            elif isinstance(bound, Ge):
                words += f" of at least {bound.ge}"
            elif isinstance(bound, Le):
                words += f" and at most {bound.le}"
        self.words = words

    def allows(self, value: Any) -> bool:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        if isinstance(value, int) and abs(value) > LARGEST:
            return False
        if not math.isfinite(value) or (self._whole and value != int(value)):
            return False
        return all(_within(value, bound) for bound in self._bounds)


class _FormedText:
    def __init__(self, forms: tuple[Any, ...] = ()) -> None:
        self._forms = [re.compile(form.pattern) for form in forms]
        self.words = " and ".join(form.words for form in forms) or "a text"

    def allows(self, value: Any) -> bool:
        return isinstance(value, str) and all(form.fullmatch(value) for form in self._forms)


class _OneOf:
    def __init__(self, names: tuple[Any, ...]) -> None:
        self._names = names
        self.words = f"one of {', '.join(map(repr, names))}"

    def allows(self, value: Any) -> bool:
        return isinstance(value, str | int) and value in self._names


class _OfClass:
    def __init__(self, kind: type, words: str) -> None:
        self._kind = kind
        self.words = words

    def allows(self, value: Any) -> bool:
        return isinstance(value, self._kind)


class _List:
    def __init__(self, item: Rule | None) -> None:
        self._item = item
        self.words = f"a list (each {item.words})" if item else "a list"

    def allows(self, value: Any) -> bool:
        if not isinstance(value, Sequence) or isinstance(value, str | bytes | bytearray):
            return False
        return self._item is None or all(map(self._item.allows, value))


class _Dict:
    def __init__(self, key: Rule | None, value: Rule | None) -> None:
        self._key = key
        self._value = value
        self.words = f"a dict (each value {value.words})" if value else "a dict"

    def allows(self, value: Any) -> bool:
        if not isinstance(value, Mapping):
            return False
        # JSON makes a text of a number: {50256: -100} is a usual logit_bias.
        keys = all(isinstance(key, int) or not self._key or self._key.allows(key) for key in value)
        return keys and (self._value is None or all(map(self._value.allows, value.values())))


def _within(value: float, bound: Any) -> bool:
    if isinstance(bound, Gt):
        return value > bound.gt  # type: ignore[operator]  # typed for all that can be compared
    if isinstance(bound, Ge):
        return value >= bound.ge  # type: ignore[operator]
    return not isinstance(bound, Le) or value <= bound.le  # type: ignore[operator]


_PLAIN: Mapping[Any, Rule] = {
    int: _Number(int),
    float: _Number(float),
    str: _FormedText(),
    bool: _OfClass(bool, "true or false"),
    type: _OfClass(type, "a class"),
}


def _one(annotation: Any) -> Rule | None:
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return _OneOf(inner)
    if origin is Annotated:
        base, *bounds = inner
        if base is str:
            return _FormedText(tuple(form for form in bounds if isinstance(form, Matching)))
        return _Number(base, tuple(bounds)) if base in (int, float) else None
    if origin is Sequence:
        return _List(rule_of(inner[0]))
    if origin is Mapping:
        return _Dict(rule_of(inner[0]), rule_of(inner[1]))
    return _PLAIN.get(origin or annotation)
