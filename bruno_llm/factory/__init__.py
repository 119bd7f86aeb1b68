"""Providers by name: built from configuration, chosen by availability, found as plugins."""

from __future__ import annotations

from bruno_llm.factory.factory import LLMFactory, UnifiedProviderFactory

__all__ = ["LLMFactory", "UnifiedProviderFactory"]
