"""The way from a name of bruno-llm 0.2.0 to the room that still knows it.

Nothing here runs, and the room is not imported, before somebody asks for such a name.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__all__ = ["former_attribute", "former_name", "former_options"]

_ROOM = "bruno_llm.compat"
_ATTRIBUTES = frozenset({"config", "cost_tracker", "provider_name"})
_OPTIONS = frozenset({"max_retries", "track_cost"})


def former_name(module: str, name: str) -> Any:
    """What a name meant in 0.2.0, with a ``DeprecationWarning`` that says the new one.

    Args:
        module: The module that was asked, such as ``bruno_llm.base.cache``.
        name: What it was asked for; ``__all__`` gives the former names of the module.

    Raises:
        AttributeError: 0.2.0 had no such name either.
        ImportError: It had, and nothing sensible stands behind it now; the text says what to use.
    """
    if name.startswith("__") and name != "__all__":  # what Python itself looks for
        raise AttributeError(f"module {module!r} has no attribute {name!r}")
    return import_module(_ROOM).former_name(module, name)


def former_attribute(provider: Any, name: str) -> Any:
    """What an attribute of 0.2.0's providers meant, with a ``DeprecationWarning``.

    Raises:
        AttributeError: There was none of that name, or nothing stands behind it; the text then
            says what to do.
    """
    if name not in _ATTRIBUTES:
        raise AttributeError(f"{type(provider).__name__!r} object has no attribute {name!r}")
    return import_module(f"{_ROOM}.arguments").attribute(provider, name)


def former_options(options: Any, retry: Any, costs: Any) -> tuple[Any, Any]:
    """The ``retry`` and ``costs`` of a constructor that may have been given 0.2.0's forms of them.

    Args:
        options: What else the constructor was given; ``max_retries`` and ``track_cost`` are taken
            out, with a ``DeprecationWarning``.
        retry: Today's policy.
        costs: Today's policy.
    """
    if not _OPTIONS & options.keys():
        return retry, costs
    given = {name: options.pop(name) for name in _OPTIONS if name in options}
    found: tuple[Any, Any] = import_module(f"{_ROOM}.arguments").policies(given, retry, costs)
    return found
