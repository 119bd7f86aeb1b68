"""A package whose modules can be imported before the package's own code has run.

Our errors derive from ``bruno_core.utils.exceptions``, 100 lines that import nothing. But the
package around them imports structlog, rich, yaml and dotenv: 0.1 s and 180 modules, half of what
all of bruno-core's interfaces take, for names that nobody may ask for.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import find_spec, module_from_spec
from types import ModuleType
from typing import Any

from bruno_llm._runtime.forks import new_rlock

__all__ = ["late"]

_lock = new_rlock()
_under_way: set[str] = set()


class _Late(ModuleType):
    """The package; the first name that it does not have yet runs its code, in place."""

    def __getattr__(self, name: str) -> Any:
        with _lock:  # others wait until it has run
            if type(self) is _Late and self.__name__ not in _under_way:
                _run(self)
        return ModuleType.__getattribute__(self, name)

    def __dir__(self) -> list[str]:
        self.__getattr__("__dict__")
        return list(ModuleType.__dir__(self))


def _run(package: _Late) -> None:
    spec = package.__spec__
    assert spec is not None and spec.loader is not None
    _under_way.add(package.__name__)
    try:
        spec.loader.exec_module(package)
        package.__class__ = ModuleType  # type: ignore[assignment]
    finally:
        _under_way.discard(package.__name__)


def late(name: str) -> None:
    """Make a package importable without running its code before something of it is asked for.

    ``from package.module import x`` then imports that module alone, and ``from package import x``
    is as ever. Where it is imported already, or is no package, nothing changes.
    """
    if name in sys.modules:
        return
    spec = find_spec(name)  # imports what is above it
    if spec is None or spec.loader is None or spec.submodule_search_locations is None:
        return
    package = module_from_spec(spec)
    if type(package) is not ModuleType:
        return
    package.__class__ = _Late
    parent, _, last = name.rpartition(".")
    with _lock:
        if sys.modules.setdefault(name, package) is package:
            setattr(import_module(parent), last, package)
