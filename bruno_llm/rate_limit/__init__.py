"""Requests and tokens per minute, and calls at once: in one process, or shared over Redis."""

from __future__ import annotations

from bruno_llm.rate_limit.limit import RateLimit, Ticket

__all__ = ["RateLimit", "Ticket"]
