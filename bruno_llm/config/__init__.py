"""Settings of a provider from arguments, environment, files and defaults, checked in one place."""

from __future__ import annotations

from bruno_llm.config.settings import ProviderConfig

__all__ = ["ProviderConfig"]
