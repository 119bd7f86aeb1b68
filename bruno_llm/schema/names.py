"""Names of tools as every vendor takes them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

__all__ = ["clean_keys", "clean_name", "clean_names"]

# What every vendor takes that says it (their pages on function calling). Gemini alone wants the
# first to be no digit.
_LONGEST = 64


def clean_name(name: str) -> str:
    """The name with ``_`` for what a vendor may refuse, at most 64 characters."""
    clean = re.sub(r"[^A-Za-z0-9_-]", "_", name) or "_"
    return (clean if re.match(r"[A-Za-z_]", clean) else f"_{clean}")[:_LONGEST]


def clean_names(names: Iterable[str]) -> dict[str, str]:
    """The clean name of each; two that would become the same are numbered.

    A name that needs no cleaning keeps itself, wherever it stands.
    """
    return _distinct(names, clean_name)


def clean_keys(names: Iterable[str]) -> dict[str, str]:
    """Clean names of parameters, as Anthropic takes them: with dots, and any first sign."""
    return _distinct(names, lambda name: re.sub(r"[^A-Za-z0-9_.-]", "_", name)[:_LONGEST] or "_")


def _distinct(names: Iterable[str], clean_one: Callable[[str], str]) -> dict[str, str]:
    wanted = list(dict.fromkeys(names))
    taken = {name for name in wanted if clean_one(name) == name}
    made: dict[str, str] = {}
    for name in wanted:
        clean = unique = clean_one(name)
        number = 2
        while name != clean and unique in taken:
            end = f"_{number}"
            unique, number = clean[: _LONGEST - len(end)] + end, number + 1
        taken.add(unique)
        made[name] = unique
    return made
