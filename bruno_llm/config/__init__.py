"""Settings of a provider from arguments, environment, files and defaults, checked in one place.

``settings`` is the configuration, ``layers`` which place wins, ``names`` the settings there are,
``env`` and ``file`` where they are read, ``policies`` their policies, ``given`` the
policies of a constructor, ``explain`` where a value
came from, ``schema`` the JSON schema, ``errors`` what pydantic finds in our words.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bruno_llm.config.schema import config_schema
    from bruno_llm.config.settings import ProviderConfig

__all__ = ["ProviderConfig", "config_schema"]

_HOME_OF = {"ProviderConfig": "settings", "config_schema": "schema"}

if not TYPE_CHECKING:  # a provider needs `given` alone, at a hundredth of the time

    def __getattr__(name: str) -> Any:
        if name not in _HOME_OF:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(f"{__name__}.{_HOME_OF[name]}"), name)
