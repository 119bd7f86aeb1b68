"""Providers of third parties: entry points of the group ``bruno.llm_providers``.

A plugin's distribution declares, in its ``pyproject.toml``::

    [project.entry-points."bruno.llm_providers"]
    echo = "bruno_llm_echo:EchoProvider"

Listing reads metadata alone and imports nothing. A class is imported when it is asked for, and
checked against bruno-core's ``LLMInterface`` before it is used; a broken plugin is an error (or a
line of :func:`broken_plugins`) that names it, and hides no other.
"""

from __future__ import annotations

import inspect
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Callable,
    Mapping,
    Sequence,
)
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any, get_origin

from bruno_core.interfaces.llm import LLMInterface

from bruno_llm.exceptions import ConfigurationError

__all__ = ["GROUP", "Plugin", "adopt", "broken_plugins", "list_plugins", "load_plugin", "problems"]

GROUP = "bruno.llm_providers"
"""The entry-point group, bruno-core's."""

_OURS = "bruno-llm"
_METHODS = tuple(sorted(LLMInterface.__abstractmethods__))
_ITERATORS = (AsyncIterator, AsyncIterable, AsyncGenerator)


@dataclass(frozen=True, slots=True)
class Plugin:
    """A provider as its distribution declares it, not imported.

    Attributes:
        name: The provider's name.
        target: ``module:Class``.
        distribution: The distribution that declares it.
        version: Of the distribution.
    """

    name: str
    target: str
    distribution: str
    version: str


def _found() -> list[tuple[Plugin, EntryPoint]]:
    found = []
    for point in entry_points(group=GROUP):
        name = point.dist.name if point.dist else ""
        if name.lower().replace("_", "-") != _OURS:
            version = point.dist.version if point.dist else ""
            found.append((Plugin(point.name.lower(), point.value, name, version), point))
    # The order of sys.path must not decide which of two plugins with one name is used.
    return sorted(found, key=lambda pair: (pair[0].name, pair[0].distribution, pair[0].target))


def list_plugins() -> list[Plugin]:
    """The providers that other distributions declare, by name; none is imported."""
    return [plugin for plugin, _ in _found()]


def load_plugin(name: str) -> type[LLMInterface]:
    """Import a plugin's class and check it.

    Raises:
        ConfigurationError: No such plugin, two distributions declare the name, it cannot be
            imported, or the class does not fit ``LLMInterface``; the message says which.
    """
    same = [(plugin, point) for plugin, point in _found() if plugin.name == name.lower()]
    if not same:
        raise ConfigurationError(f"no installed distribution declares the provider {name!r}")
    if len(same) > 1:
        names = " and ".join(f"{p.distribution or p.target}" for p, _ in same)
        raise ConfigurationError(
            f"the provider {name!r} is declared twice, by {names}; uninstall one of them"
        )
    plugin, point = same[0]
    return _load(plugin, point)


def _load(plugin: Plugin, point: EntryPoint) -> type[LLMInterface]:
    who = f"plugin {plugin.name!r} ({plugin.target}, of {plugin.distribution or 'unknown origin'})"
    try:
        loaded = point.load()
    # A plugin may fail in any way while it is imported, even with sys.exit().
    except (Exception, SystemExit) as error:
        raise ConfigurationError(
            f"{who} cannot be imported: {type(error).__name__}: {error}",
            original_error=error if isinstance(error, Exception) else None,
        ) from error
    wrong = problems(loaded)
    if wrong:
        raise ConfigurationError(f"{who} does not fit LLMInterface: {'; '.join(wrong)}")
    return adopt(loaded)


def adopt(provider_class: Any) -> type[LLMInterface]:
    """Make ``isinstance(..., LLMInterface)`` true of a class that fits without inheriting."""
    adopted: type[LLMInterface] = LLMInterface.register(provider_class)
    return adopted


def broken_plugins(taken: Mapping[str, str] | None = None) -> dict[str, str]:
    """Import every plugin and say what is wrong with the ones that cannot be used.

    Args:
        taken: Names that a plugin cannot have -> who has them.

    Returns:
        Name of the plugin -> what is wrong.
    """
    broken: dict[str, str] = {}
    for name in sorted({plugin.name for plugin in list_plugins()}):
        if taken and name in taken:
            broken[name] = f"the name {name!r} belongs to {taken[name]}"
            continue
        try:
            load_plugin(name)
        except ConfigurationError as error:
            broken[name] = str(error)
    return broken


def problems(provider_class: Any) -> list[str]:
    """What keeps a class from being used as an ``LLMInterface``; empty when nothing does.

    The class need not inherit from the interface. Its methods must be there, be async where the
    interface is (``list_models`` may be plain), take the interface's arguments by their names and
    places, and need no others.
    ``stream`` is an async generator function, a coroutine function or plain function that
    returns an async iterator (annotated as such).
    """
    if not isinstance(provider_class, type):
        return [f"{provider_class!r} is not a class"]
    found: list[str] = []
    for name in _METHODS:
        interface = getattr(LLMInterface, name)
        own = inspect.getattr_static(provider_class, name, None)
        if own is None or getattr(own, "__isabstractmethod__", False):
            found.append(f"{name}() is missing")
            continue
        is_wrapped = isinstance(own, staticmethod | classmethod)
        function = own.__func__ if is_wrapped else own
        if not callable(function):
            found.append(f"{name} is not a method")
            continue
        bound = () if isinstance(own, staticmethod) else (provider_class,)
        found += _kind_problems(name, function, interface)
        found += _parameter_problems(name, function, interface, bound)
    return found


def _kind_problems(name: str, function: Callable[..., Any], interface: Any) -> list[str]:
    plain = inspect.unwrap(function)
    is_generator = any(map(inspect.isasyncgenfunction, (function, plain)))
    is_coroutine = any(map(inspect.iscoroutinefunction, (function, plain)))
    if name == "stream":
        if is_generator or is_coroutine or _returns_iterator(plain):
            return []
        return ["stream() must be an async generator, or return an async iterator (annotate it)"]
    if inspect.iscoroutinefunction(interface):
        # bruno-core's guide for providers writes this one plain.
        may_be_plain = name == "list_models" and not is_generator
        return [] if is_coroutine or may_be_plain else [f"{name}() must be async"]
    if is_coroutine or is_generator:
        return [f"{name}() must not be async, it is called without await"]
    return []


def _returns_iterator(function: Callable[..., Any]) -> bool:
    returns = inspect.signature(function).return_annotation
    if isinstance(returns, str):
        return returns.rpartition(".")[2].partition("[")[0] in {t.__name__ for t in _ITERATORS}
    return (get_origin(returns) or returns) in _ITERATORS


def _parameter_problems(
    name: str, function: Callable[..., Any], interface: Any, bound: Sequence[Any]
) -> list[str]:
    """Try the calls that the interface allows against the signature, without calling."""
    try:
        own = inspect.signature(function)
    except (TypeError, ValueError):
        # Compiled functions may have no signature; then only a call can tell.
        return []
    wanted = list(inspect.signature(interface).parameters.values())[1:]
    named = [p.name for p in wanted if p.kind is not p.VAR_KEYWORD]
    required = [p.name for p in wanted if p.default is p.empty and p.name in named]
    optional = [n for n in named if n not in required]
    found = _refusal(name, own, bound, required, ())
    found = found or _refusal(name, own, bound, (), required)
    if found:
        # The other calls would fail for the same reason.
        return found
    for option in optional:
        found += _refusal(name, own, bound, required, (option,))
    if len(named) < len(wanted) and not any(
        p.kind is p.VAR_KEYWORD for p in own.parameters.values()
    ):
        found.append(f"{name}() must take **kwargs")
    try:
        by_place = own.bind(*bound, *named).arguments
    except TypeError:
        # Options by keyword alone are fine: that is how they are passed.
        return found
    if any(by_place.get(n) not in (n, None) for n in named):
        found.append(f"{name}() must take its arguments in the order {', '.join(named)}")
    return found


def _refusal(
    name: str,
    own: inspect.Signature,
    bound: Sequence[Any],
    places: Sequence[str],
    keywords: Sequence[str],
) -> list[str]:
    try:
        own.bind(*bound, *places, **dict.fromkeys(keywords))
    except TypeError as error:
        call = ", ".join([*places, *(f"{k}=..." for k in keywords)])
        return [f"{name}({call}) is not possible: {error}"]
    return []
