"""Checks of settings, and their errors: what is allowed, which name may have been meant.

A setting's annotation says what it may be (:mod:`bruno_llm.options.limits`). :func:`check` holds a
value against one, :func:`check_arguments` a whole signature.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from functools import cache
from typing import Any

from typing_extensions import get_type_hints

from bruno_llm.exceptions import ConfigurationError
from bruno_llm.options.limits import (
    LARGEST,
    Amount,
    Count,
    CountOrZero,
    PerMinute,
    Seconds,
    Share,
    Temperature,
    Wait,
    rule_of,
)

__all__ = [
    "Amount",
    "Count",
    "CountOrZero",
    "PerMinute",
    "Seconds",
    "Share",
    "Temperature",
    "Wait",
    "check",
    "check_arguments",
    "nearest",
    "no_text",
    "shown_value",
]

_LONGEST_SHOWN = 20


def check(name: str, value: Any, limit: Any, owner: str = "") -> None:
    """Refuse a value outside its limit.

    Args:
        name: The setting.
        value: What it was given.
        limit: Its annotation.
        owner: Whose setting it is, such as ``"Retry"``.

    Raises:
        ConfigurationError: Names the setting, the value and what is allowed.
    """
    rule = rule_of(limit)
    if rule is None or rule.allows(value):
        return
    given = f"{name}={shown_value(value)}"
    where = f"{owner}({given})" if owner else given
    raise ConfigurationError(f"{where} is not allowed: {rule.words}")


def shown_value(value: Any) -> str:
    """A wrong value as an error may show it.

    A text may be a secret that stands in the wrong place, and a collection may hold one.
    """
    if isinstance(value, int) and abs(value) > LARGEST:
        return "a number above 2**63"
    if isinstance(value, str):
        return repr(value) if len(value) <= _LONGEST_SHOWN else "a long text"
    return repr(value) if value is None or isinstance(value, int | float) else _kind(value)


def _kind(value: Any) -> str:
    name = type(value).__name__
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"


def check_arguments(owner: str, signature: Callable[..., Any], values: Mapping[str, Any]) -> None:
    """Check every argument whose annotation can be checked.

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
    return {name: hint for name, hint in hints.items() if rule_of(hint) is not None}
