"""Names of a module that are imported from where they live when they are first asked for."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any

__all__ = ["found_later"]


def found_later(module: str, homes: Mapping[str, Sequence[str]]) -> Callable[[str], Any]:
    """What a module takes as its ``__getattr__`` (PEP 562), out of the sight of type checkers.

    Args:
        module: The module, which must exist by the first question.
        homes: The names that live in each other module; ``".x"`` is one of a package's own.
    """
    home_of = {name: home for home, names in homes.items() for name in names}

    def find(name: str) -> Any:
        if name not in home_of:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        value = getattr(import_module(home_of[name], module), name)
        setattr(sys.modules[module], name, value)
        return value

    return find
