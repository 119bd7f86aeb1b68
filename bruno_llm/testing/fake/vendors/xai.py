"""xAI: as OpenAI in everything that is played here."""

from __future__ import annotations

from bruno_llm.testing.fake.vendors.compatible import CompatibleVendor

XAI = CompatibleVendor("xai")
