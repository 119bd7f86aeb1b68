"""Errors: whatever goes wrong below becomes one of ``bruno_llm.exceptions``."""
