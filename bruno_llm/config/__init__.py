"""Settings of a provider from arguments, environment, files and defaults, checked in one place.

``settings`` is the configuration, ``layers`` which place wins, ``names`` the settings there are,
``env`` and ``file`` where they are read, ``policies`` their policies, ``given`` the
policies of a constructor, ``explain`` where a value
came from, ``schema`` the JSON schema, ``errors`` what pydantic finds in our words.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bruno_llm._runtime.names import found_later

if TYPE_CHECKING:
    from bruno_llm.config.schema import config_schema
    from bruno_llm.config.settings import ProviderConfig

__all__ = ["ProviderConfig", "config_schema"]

_HOMES = {
    ".settings": ("ProviderConfig",),
    ".schema": ("config_schema",),
}

if not TYPE_CHECKING:  # a provider needs `given` alone, at a hundredth of the time
    __getattr__ = found_later(__name__, _HOMES)
