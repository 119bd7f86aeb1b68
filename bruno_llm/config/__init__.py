"""Settings of a provider from arguments, environment, files and defaults, checked in one place.

``settings`` is the configuration, ``layers`` which place wins, ``names`` the settings there are,
``env`` and ``file`` where they are read, ``policies`` their policies, ``explain`` where a value
came from, ``schema`` the JSON schema, ``errors`` what pydantic finds in our words.
"""

from __future__ import annotations

from bruno_llm.config.schema import config_schema
from bruno_llm.config.settings import ProviderConfig

__all__ = ["ProviderConfig", "config_schema"]
