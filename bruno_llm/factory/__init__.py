"""Providers by name: built from configuration, chosen by availability, found as plugins.

``registry`` says what a name stands for, ``build`` makes the object, ``health`` checks one,
``choose`` takes the best of several, ``plugins`` finds those of other distributions.
"""

from __future__ import annotations

from bruno_llm.factory.factory import LLMFactory
from bruno_llm.factory.unified import UnifiedProviderFactory

__all__ = ["LLMFactory", "UnifiedProviderFactory"]
