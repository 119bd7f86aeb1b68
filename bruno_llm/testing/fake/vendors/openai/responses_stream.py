"""The events of a streamed Responses answer: each item opens, grows by deltas and is done."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from bruno_llm.testing.fake.reply import Reply
from bruno_llm.testing.fake.text import fragments, words
from bruno_llm.testing.fake.wire import minted

# What a vendor's own tool does between the beginning and the end of its item.
_TOOL_STEPS = {
    "web_search_call": "searching",
    "file_search_call": "searching",
    "code_interpreter_call": "interpreting",
    "image_generation_call": "generating",
}


class NumberedEvents:
    """Numbered events. ``pieces`` hold the content; what closes an item waits in ``open_end`` for
    the next one, so that a stream that is cut behind a piece has nothing of what comes later."""

    def __init__(self, encode: Callable[[Any], bytes], reply: Reply) -> None:
        self.pieces: list[bytes] = []
        self.open_end = b""
        self._encode = encode
        self._reply = reply
        self._number = 0

    def numbered(self, body: dict[str, Any]) -> bytes:
        """The next event."""
        body = body | {"sequence_number": self._number}
        self._number += 1
        return self._encode(body)

    def add(self, index: int, item: dict[str, Any]) -> None:
        """All events of one output item; it opens with its first piece."""
        kind = item["type"]
        before = len(self.pieces)
        if kind == "message":
            self._open(index, item | {"status": "in_progress", "content": []})
            for place, part in enumerate(item["content"]):
                self._part({"item_id": item["id"], "output_index": index}, place, part)
        elif kind == "reasoning":
            # What is encrypted at the beginning is not yet what it is at the end.
            early = {"encrypted_content": minted()} if "encrypted_content" in item else {}
            self._open(index, item | {"summary": []} | early)
            for place, summary in enumerate(item["summary"]):
                self._summary({"item_id": item["id"], "output_index": index}, place, summary)
        elif kind == "function_call":
            self._open(index, item | {"status": "in_progress", "arguments": ""})
            self._arguments({"item_id": item["id"], "output_index": index}, item)
        else:
            self._open(index, item | ({"status": "in_progress"} if "status" in item else {}))
            self._steps({"item_id": item.get("id"), "output_index": index}, kind)
        if len(self.pieces) == before:
            self.pieces.append(self.open_end)
            self.open_end = b""
        done = {"type": "response.output_item.done", "output_index": index, "item": item}
        self.open_end += self.numbered(done)

    def _open(self, index: int, item: dict[str, Any]) -> None:
        added = {"type": "response.output_item.added", "output_index": index, "item": item}
        self.open_end += self.numbered(added)

    def _deltas(self, kind: str, place: dict[str, Any], texts: Sequence[str]) -> None:
        for text in texts:
            delta = {"type": f"{kind}.delta"} | place | {"delta": text}
            self.pieces.append(self.open_end + self.numbered(delta))
            self.open_end = b""

    def _part(self, place: dict[str, Any], index: int, part: dict[str, Any]) -> None:
        place = place | {"content_index": index}
        field = "refusal" if part["type"] == "refusal" else "text"
        kind = f"response.{part['type']}"
        sources = part.get("annotations", [])
        empty: dict[str, Any] = {name: [] for name in ("annotations", "logprobs") if name in part}
        start = part | {field: ""} | empty
        opened = {"type": "response.content_part.added"} | place | {"part": start}
        texts = self._reply.cut(part["text"]) if field == "text" else words(part[field])
        more: dict[str, Any] = {"logprobs": part.get("logprobs", [])} if field == "text" else {}
        self.open_end += self.numbered(opened)
        self._deltas(kind, place | more, texts[:1])
        self._deltas(kind, place | {name: [] for name in more}, texts[1:])
        for number, source in enumerate(sources):
            cited = {"annotation_index": number, "annotation": source}
            event = {"type": "response.output_text.annotation.added"} | place | cited
            self.open_end += self.numbered(event)
        done = {"type": f"{kind}.done"} | place | more | {field: part[field]}
        self.open_end += self.numbered(done)
        self.open_end += self.numbered(
            {"type": "response.content_part.done"} | place | {"part": part}
        )

    def _summary(self, place: dict[str, Any], index: int, summary: dict[str, Any]) -> None:
        place = place | {"summary_index": index}
        kind = "response.reasoning_summary_text"
        start = {"type": "response.reasoning_summary_part.added"} | place
        self.open_end += self.numbered(start | {"part": summary | {"text": ""}})
        self._deltas(kind, place, words(summary["text"]))
        done = {"type": f"{kind}.done"} | place | {"text": summary["text"]}
        self.open_end += self.numbered(done)
        end = {"type": "response.reasoning_summary_part.done"} | place | {"part": summary}
        self.open_end += self.numbered(end)

    def _arguments(self, place: dict[str, Any], item: dict[str, Any]) -> None:
        kind = "response.function_call_arguments"
        self._deltas(kind, place, fragments(item["arguments"]))
        whole = {"arguments": item["arguments"], "name": item["name"]}
        self.open_end += self.numbered({"type": f"{kind}.done"} | place | whole)

    def _steps(self, place: dict[str, Any], kind: str) -> None:
        if kind in _TOOL_STEPS:
            for step in ("in_progress", _TOOL_STEPS[kind], "completed"):
                self.open_end += self.numbered({"type": f"response.{kind}.{step}"} | place)
