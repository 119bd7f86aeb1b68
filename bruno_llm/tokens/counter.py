"""Counts tokens without asking anybody: exactly for OpenAI, by a fitted estimate for the others.

No network, ever. What a text has is counted in ``vocabulary.py``; what stands around it by the
rules of the vendor, which ``vendors/tokens.py`` finds.
"""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from bruno_llm.tokens.images import image_size
from bruno_llm.tokens.rules import CountingRules
from bruno_llm.tokens.sounds import wave_rate
from bruno_llm.tokens.text import as_text
from bruno_llm.tokens.vocabulary import SHORT, text_counters

__all__ = ["TokenCounter"]

# The dearest page of a PDF at any vendor: its text, up to 3,000 tokens by Anthropic's page "PDF
# support", and its picture.
_PAGE = 5_000


class TokenCounter:
    """Counts what a prompt will be billed as, offline.

    Args:
        provider: litellm's name of who serves the model.
        model: The model.
        rules: How its prompts are billed.

    Attributes:
        exact: The text is cut by the vendor's own tokenizer, so messages of text count exactly.
            (Tools, images and documents follow published formulas, within a few tokens.)
            ``False``: everything is an estimate.
    """

    __slots__ = ("_count", "_count_short", "_factor", "_rules", "exact", "model", "provider")

    def __init__(self, provider: str, model: str, rules: CountingRules) -> None:
        self.provider = provider
        self.model = model
        self._rules = rules
        self._factor = rules.factor
        self._count: Callable[[str], int] | None = None
        self._count_short: Callable[[str], int] | None = None
        self.exact = rules.exact

    def __repr__(self) -> str:
        return f"TokenCounter({self.provider!r}, {self.model!r}, exact={self.exact})"

    @property
    def loaded(self) -> bool:
        """Whether counting starts at once."""
        return self._count is not None

    def load(self) -> None:
        """Load the tokenizer now: about 0.3 s that the first count would take otherwise."""
        self._count, self._count_short = text_counters(self._rules.encoding)

    def text(self, text: str) -> int:
        """Tokens of a bare text, without the frame of a message."""
        if self._count is None:
            self.load()
            assert self._count is not None
        raw = self._count(text)
        return raw if self._factor == 1.0 else int(raw * self._factor + 0.5)

    def message(self, message: Mapping[str, Any]) -> int:
        """Tokens of one OpenAI-shaped chat message with its frame.

        Parts of unknown kind count as the text of their JSON.
        """
        content = message.get("content")
        tokens = self._rules.per_message
        if type(content) is str:
            count = self._count_short
            # A long history is mostly short plain texts: this spares them two calls each.
            if count is not None and len(content) <= SHORT:
                raw = count(content)
                tokens += raw if self._factor == 1.0 else int(raw * self._factor + 0.5)
            else:
                tokens += self.text(content)
        elif content:
            tokens += sum(map(self._part, content))
        if self._rules.system and message.get("role") in ("system", "developer"):
            tokens += self._rules.system
        plain = len(message) <= 2 and content is not None
        return tokens if plain else tokens + self._extras(message)

    def messages(
        self,
        messages: Sequence[Mapping[str, Any]],
        tools: Sequence[Mapping[str, Any]] | None = None,
    ) -> int:
        """Tokens of a whole prompt, with tool definitions and what opens the answer.

        With no messages this is the overhead of a request, to be added to a sum over
        :meth:`message`.
        """
        tokens = self._rules.reply + sum(map(self.message, messages))
        if not tools:
            return tokens
        if self._rules.beside_system and any(m.get("role") == "system" for m in messages):
            tokens -= self._rules.beside_system
        return tokens + self._tools(tools)

    def _extras(self, message: Mapping[str, Any]) -> int:
        rules = self._rules
        tokens = 0
        if message.get("name"):
            tokens += rules.name + self.text(str(message["name"]))
        if message.get("refusal"):
            tokens += self.text(str(message["refusal"]))
        if message.get("native"):
            tokens += sum(map(self.text, _thoughts(message["native"])))
        calls = [call.get("function") or {} for call in message.get("tool_calls") or ()]
        if message.get("function_call"):
            calls.append(message["function_call"])
        for call in calls:
            tokens += rules.call + self.text(str(call.get("name", "")))
            tokens += self.text(as_text(call.get("arguments", "")))
        if message.get("role") in ("tool", "function"):
            tokens += rules.result
        return tokens

    def _part(self, part: Any) -> int:
        if isinstance(part, str):
            return self.text(part)
        kind = part.get("type")
        if kind == "text":
            return self.text(str(part.get("text", "")))
        if kind == "image_url":
            image = part.get("image_url") or ""
            url, detail = image, "auto"
            if isinstance(image, Mapping):
                url, detail = str(image.get("url", "")), str(image.get("detail") or "auto")
            return self._rules.images(image_size(url), detail)
        if kind == "file":
            return self._document(str((part.get("file") or {}).get("file_data") or ""))
        if kind == "input_audio":
            sound = part.get("input_audio") or {}
            # Bytes per second: 24 kHz of 16 bits, or a common bit rate. Base64 takes a third more.
            rate = 48_000 if sound.get("format") == "wav" else 16_000
            seconds = len(str(sound.get("data", ""))) * 3 / 4 / rate
            return int(seconds * self._rules.audio) + 1
        return self.text(as_text(part))

    def _document(self, url: str) -> int:
        head, _, payload = url.partition(",")
        if not head.startswith("data:") or not head.endswith(";base64"):
            return self._rules.per_page  # uploaded before, or remote: its length is unknown
        try:
            content = base64.b64decode(payload)
        except ValueError:
            return self._rules.per_page
        if head.startswith("data:text/"):
            return self.text(content.decode("utf-8", "replace"))
        # Pages inside compressed object streams are not seen; a page has at least one object.
        pages = len(re.findall(rb"/Type\s*/Page(?![a-zA-Z])", content))
        return max(1, pages) * self._rules.per_page

    def more_at_most(self, messages: Sequence[Mapping[str, Any]]) -> int:
        """Tokens that documents and sounds in these messages may have besides those counted.

        What is counted of them is what is usual. At most a document has a token per byte, or
        5,000 a page; a sound lasts as long as its header says, an MP3 1,000 bytes a second, and
        of other formats each byte may be a token.
        """
        contents = (message.get("content") for message in messages)
        parts = (part for content in contents if isinstance(content, list) for part in content)
        return sum(map(self._more_of, parts))

    def _more_of(self, part: Any) -> int:
        kind = part.get("type") if isinstance(part, Mapping) else None
        if kind == "file":
            url = str((part.get("file") or {}).get("file_data") or "")
            most = 0 if url.startswith("data:text/") else len(url) * 3 // 4
            pages = self._document(url) // self._rules.per_page
            return max(0, most - self._document(url), pages * (_PAGE - self._rules.per_page))
        if kind == "input_audio":
            sound = part.get("input_audio") or {}
            data, form = str(sound.get("data", "")), sound.get("format")
            size = len(data) * 3 // 4
            rate = {"mp3": 1_000, "wav": wave_rate(data)}.get(str(form), 0)
            most = math.ceil(size / rate * self._rules.audio) + 1 if rate else size
            return max(0, most - self._part(part))
        return 0

    def _tools(self, tools: Sequence[Mapping[str, Any]]) -> int:
        rules = self._rules
        functions = [tool.get("function") or tool for tool in tools]
        tokens = rules.tools + rules.per_tool * len(functions)
        if rules.shown is not None:
            return tokens + self.text(rules.shown(functions))
        return tokens + sum(self.text(as_text(_plain(function))) for function in functions)


def _plain(function: Mapping[str, Any]) -> dict[str, Any]:
    return {key: function[key] for key in ("name", "description", "parameters") if key in function}


def _thoughts(native: Mapping[str, Any]) -> Iterator[str]:
    """The thinking that goes back with a turn, as far as it can be read."""
    for item in native.get("items") or ():
        for part in (item, *(item.get("reasoning_details") or ()), *(item.get("summary") or ())):
            for name in ("thinking", "reasoning_content", "reasoning", "summary"):
                if isinstance(part.get(name), str):
                    yield part[name]
            if part is not item and isinstance(part.get("text"), str):
                yield part["text"]
