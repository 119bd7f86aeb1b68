"""Pydantic's findings in the words of this package, without the values it was given."""

from __future__ import annotations

import re
from typing import Any

from pydantic import ValidationError

from bruno_llm.config import policies
from bruno_llm.config.names import KINDS, VENDOR_PARAMS
from bruno_llm.options.checks import nearest

__all__ = ["fault_of_configuration"]

_LONGEST = 20
_SHOWN_NUMBER = re.compile(r"[-+]?\d[\w.]{0,7}")


def fault_of_configuration(error: ValidationError) -> str:
    """What is wrong with a configuration, in one line, with no value that could be a secret."""
    return "; ".join(
        dict.fromkeys(_describe_one(e) for e in error.errors(include_url=False)),
    )


def _describe_one(problem: Any) -> str:
    # Branches of a union and validators put their own names into the place.
    place = [str(p) for p in problem["loc"] if not str(p).startswith(("function-", "nullable["))]
    place = [p for p in place if p not in ("ProviderConfig", "str", "number", "settings")]
    name = ".".join(place)
    if problem["type"] == "extra_forbidden":
        known = (
            {*KINDS, *VENDOR_PARAMS}
            if len(place) == 1
            else policies.OF_FIELD[place[0]].model_fields
        )
        return f"unknown setting {name!r}{nearest(place[-1], known)}"
    if problem["type"] == "missing":
        return f"{name} is missing"
    message = problem["msg"].removeprefix("Value error, ")
    if not name:
        return str(message)
    return f"{name}{_shown_value(problem['input'])}: {message[:1].lower()}{message[1:]}"


def _shown_value(value: Any) -> str:
    """The wrong value, when it is a number or so near to one that it cannot be a secret."""
    if isinstance(value, int) and abs(value) >= 10**_LONGEST:
        return ""
    if isinstance(value, bool | int | float):
        return f" = {value}"
    if isinstance(value, str) and _SHOWN_NUMBER.fullmatch(value):
        return f" = {value!r}"
    return ""
