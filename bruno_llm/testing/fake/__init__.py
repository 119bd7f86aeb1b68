"""A server on loopback that answers as the vendors do; its names are in ``bruno_llm.testing``."""
