"""Answers of the four vendors as they look on the wire, and the facts that each one holds.

Every folder is a vendor; its ``index.json`` names for each sample the page and the section of the
vendor's documentation whose shape it follows. Names, numbers and sentences are invented. Fields:

    file      the body, byte for byte (.json, .sse, .ndjson, .html)
    page, section, note
    endpoint  chat (when absent), embed, models, show or count
    status    the HTTP status, 200 when absent
    headers   the response headers
    expected  what a caller must get, in the words of ``bruno_llm.Completion``: text, reasoning,
              refusal, tool_calls, finish_reason, id, model, usage (the numbers that the vendor
              states; nothing is said of others), usage_estimated; or ``error``, the name of a
              class in ``bruno_llm.exceptions``, with retry_after, retryable, partial, hint; or
              models, vectors, tokens, context_window. An answer without content that names both an
              error and a finish reason may become either a Completion or that error.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bruno_llm.testing import Raw

VENDORS = ("openai", "anthropic", "gemini", "ollama")
_ROOT = Path(__file__).parent


@dataclass(frozen=True)
class Sample:
    """One answer. ``str()`` of it is its id, as pytest wants it."""

    vendor: str
    name: str
    page: str
    section: str
    body: bytes
    stream: bool
    endpoint: str = "chat"
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    expected: Mapping[str, Any] = field(default_factory=dict)
    note: str = ""

    def __str__(self) -> str:
        return f"{self.vendor}-{self.name}"

    def raw(self, size: int | None = None) -> Raw:
        """The answer for ``FakeServer.script``, in TCP writes of ``size`` bytes."""
        if size is None:
            return Raw(self.status, self.headers, self.body)
        pieces = [self.body[at : at + size] for at in range(0, len(self.body), size)]
        return Raw(self.status, self.headers, pieces)


def load(vendor: str, name: str) -> Sample:
    """One sample by its name in the vendor's index."""
    return next(sample for sample in samples(vendor) if sample.name == name)


def samples(vendor: str | None = None, *, endpoint: str | None = None) -> Iterator[Sample]:
    """All samples, or those of one vendor or endpoint."""
    for folder in VENDORS if vendor is None else (vendor,):
        index = json.loads((_ROOT / folder / "index.json").read_text("utf-8"))
        for name, entry in index["samples"].items():
            if endpoint not in (None, entry.get("endpoint", "chat")):
                continue
            yield Sample(
                vendor=folder,
                name=name,
                page=entry["page"],
                section=entry["section"],
                body=(_ROOT / folder / entry["file"]).read_bytes(),
                stream=name.startswith("stream_"),
                endpoint=entry.get("endpoint", "chat"),
                status=entry.get("status", 200),
                headers=entry.get("headers", {}),
                expected=entry["expected"],
                note=entry.get("note", ""),
            )
