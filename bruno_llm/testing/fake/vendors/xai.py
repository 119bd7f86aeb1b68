"""xAI, which is as OpenAI is."""

from __future__ import annotations

from bruno_llm.testing.fake.vendors.compatible import CompatibleVendor

XAI = CompatibleVendor("xai")
