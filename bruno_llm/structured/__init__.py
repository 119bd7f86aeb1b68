"""Typed answers: a class in, a value of it out."""

from __future__ import annotations

from bruno_llm.structured.ask import Structured, complete_as, generate_as, stream_as

__all__ = ["Structured", "complete_as", "generate_as", "stream_as"]
