"""Counts tokens without asking anybody: exactly for OpenAI, by a fitted estimate for the others.

No network, ever. tiktoken's two vocabularies come out of the installed litellm package, whose
folder is found without importing it; they are loaded at the first count (about 0.3 s each).

How far the estimates are off stands in ``docs/context.md``; ``benchmarks/token_estimates.py``
measures it.
"""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import json
import os
import re
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bruno_core.utils.logging import get_logger

from bruno_llm.tokens.images import (
    ImageRule,
    anthropic_images,
    gemini_images,
    image_size,
    openai_images,
)

if TYPE_CHECKING:
    import tiktoken

__all__ = ["TokenCounter", "counter_for"]

logger = get_logger(__name__)

# ----------------------------------------------------------------------------------------- text

_CHUNK = 20_000
"""Characters counted at a time. tiktoken's pattern overflows its stack on a million spaces and
slows down on long runs of one character; up to this length neither shows (< 5 ms)."""

_CACHED_CHARS = 1024
_CACHED_TEXTS = 8192
"""A conversation is counted again with every turn, so counts of short texts are kept: at most
8 MB of plain English."""

# File name and SHA-256 of the vocabularies, as tiktoken itself checks them. They are checked here
# first, because tiktoken would delete a file that differs and fetch another.
_VOCABULARIES = {
    "o200k_base": (
        "fb374d419588a4632f3f557e76b4b70aebbca790",
        "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d",
    ),
    "cl100k_base": (
        "9b5ad71b2ce5302211f9c61530b329a4922fc6a4",
        "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
    ),
}
_CACHE_VARIABLE = "TIKTOKEN_CACHE_DIR"
_loading = threading.Lock()


def _vocabulary_folder(name: str) -> Path | None:
    """The folder that holds the vocabulary: litellm's, or the user's own tiktoken cache."""
    file, digest = _VOCABULARIES[name]
    spec = importlib.util.find_spec("litellm")
    folders = [
        Path(place, "litellm_core_utils", "tokenizers")
        for place in (spec.submodule_search_locations or () if spec else ())
    ]
    if os.environ.get(_CACHE_VARIABLE):
        folders.append(Path(os.environ[_CACHE_VARIABLE]))
    for folder in folders:
        try:
            content = (folder / file).read_bytes()
        except OSError:
            continue
        if hashlib.sha256(content).hexdigest() == digest:
            return folder
    return None


def _load(name: str) -> tiktoken.Encoding | None:
    folder = _vocabulary_folder(name)
    if folder is None:
        logger.warning("tokenizer_missing", encoding=name, counting="4 bytes per token")
        return None
    import tiktoken

    with _loading:
        before = os.environ.get(_CACHE_VARIABLE)
        os.environ[_CACHE_VARIABLE] = str(folder)
        try:
            return tiktoken.get_encoding(name)
        finally:
            if before is not None:
                os.environ[_CACHE_VARIABLE] = before
            # litellm sets the variable for good. When another thread imported it meanwhile,
            # removing the variable would send its next vocabulary to the network.
            elif "litellm" not in sys.modules:
                os.environ.pop(_CACHE_VARIABLE, None)


@cache
def _text_counters(name: str) -> tuple[Callable[[str], int], Callable[[str], int]]:
    """Two functions that count in that encoding: any text, and a short one with a memory."""
    encoding = _load(name)
    if encoding is None:

        def encode_length(text: str) -> int:
            return (len(text.encode("utf-8", "replace")) + 3) // 4

    else:
        encode = encoding.encode_ordinary  # special tokens such as <|endoftext|> are text here

        def encode_length(text: str) -> int:
            return len(encode(text))

    remembered = lru_cache(maxsize=_CACHED_TEXTS)(encode_length)

    def count(text: str) -> int:
        length = len(text)
        if length <= _CACHED_CHARS:
            return remembered(text)
        if length <= _CHUNK:
            return encode_length(text)
        return sum(map(encode_length, _chunks(text)))

    return count, remembered


def _chunks(text: str) -> Iterator[str]:
    """Cut before a space that opens a word: a token never spans that place.

    Only a text without any such space in 20,000 characters is cut anywhere, which may add a token
    per cut.
    """
    start = 0
    while len(text) - start > _CHUNK:
        end = start + _CHUNK
        at = text.rfind(" ", start + 1, end)
        while at > start and not (text[at + 1].isalpha() and text[at - 1].isalnum()):
            at = text.rfind(" ", start + 1, at)
        if at > start:
            end = at
        yield text[start:end]
        start = end
    yield text[start:]


# ---------------------------------------------------------------------------------------- rules


@dataclass(frozen=True, slots=True)
class _Rules:
    """How a vendor bills a prompt, in tokens.

    ``factor`` turns tokens of ``encoding`` into the vendor's. The other numbers are the vendor's
    own tokens: ``per_message`` with its role, ``reply`` for what opens the answer, ``system`` and
    ``name`` on top of a message that has one, ``call`` and ``result`` around a tool call and its
    result, ``tools`` once and ``per_tool`` each for tool definitions, ``per_page`` of a document
    and ``audio`` per second.
    """

    encoding: str
    images: ImageRule
    factor: float = 1.0
    exact: bool = False
    per_message: int = 4
    reply: int = 3
    system: int = 0
    name: int = 1
    call: int = 9
    result: int = 2
    tools: int = 9
    per_tool: int = 0
    json_tools: bool = True
    per_page: int = 1000
    audio: int = 10


_O200K = re.compile(r"chatgpt-4o|gpt-(4o|4\.[1-9]|[5-9]|\d\d|oss)|o[1-9]|computer-use")
_CL100K = re.compile(r"gpt-(4|3\.5|35)|text-embedding-(3|ada-002)")
# Their chat format opens the answer with one token less; o1-mini and o1-preview still have it.
_REASONING = re.compile(r"gpt-([5-9]|\d\d)(?!.*chat)|o[3-9]|o1(?!-mini|-preview)")


def _openai(model: str, exact: bool) -> _Rules | None:
    """The published chat and tool format; the figures of reasoning models are fitted."""
    model = model.removeprefix("ft:")
    if _O200K.match(model):
        encoding = "o200k_base"
    elif _CL100K.match(model):
        encoding = "cl100k_base"
    else:
        return None
    rules = _Rules(encoding, openai_images(model), exact=exact, json_tools=False)
    if _REASONING.match(model):
        return replace(rules, reply=2, call=14, tools=84)
    return rules


# Tokens of the system prompt that Anthropic adds when a request has tools: the column for
# tool_choice "auto" in platform.claude.com "Tool use". Key: what the model's version starts with.
_CLAUDE_TOOLS: tuple[tuple[tuple[int, ...], str, int], ...] = (
    ((3,), "opus", 530),
    ((3,), "sonnet", 159),
    ((3,), "haiku", 264),
    ((3, 5), "haiku", 264),
    ((3, 5), "", 346),
    ((3, 7), "", 346),
    ((4,), "", 313),
    ((4, 1), "", 313),
    ((4, 5), "", 496),
    ((4, 6), "", 497),
    ((4, 7), "", 675),
    ((4, 8), "", 290),
)
_CLAUDE_TOOLS_LATEST = 354


def _claude_version(model: str) -> tuple[int, ...]:
    """``(4, 5)`` for ``claude-sonnet-4-5-20250929`` and ``claude-4.5-sonnet``."""
    found = re.search(r"(?<!\d)(\d{1,2})(?:[-.](\d{1,2}))?(?!\d)", model.partition("claude")[2])
    return tuple(int(part) for part in found.groups() if part) if found else (99,)


def _anthropic(model: str) -> _Rules:
    version = _claude_version(model)
    # Claude 4.7 brought a tokenizer that needs up to 1.35 times the tokens for the same text.
    new = version >= (4, 7)
    tools = next(
        (
            tokens
            for known, family, tokens in _CLAUDE_TOOLS
            if (version == known or (version[:1] == known and version[1:] == (0,)))
            and family in model
        ),
        _CLAUDE_TOOLS_LATEST,
    )
    return _Rules(
        "o200k_base",
        anthropic_images(high_resolution=new),
        factor=1.42 if new else 1.13,
        per_message=3,
        reply=3,
        system=3,
        call=32,
        result=24,
        tools=tools,
        per_tool=14,
        per_page=1600,
    )


def _gemini(model: str) -> _Rules:
    third = re.search(r"gemini-([3-9]|\d\d)", model) is not None
    gemma = "gemma" in model
    return _Rules(
        "o200k_base",
        # Gemma: 256 tokens for every image, and a frame around it.
        gemini_images(258 if gemma else 1120 if third else None),
        factor=1.02,
        per_message=1,
        reply=0,
        tools=1,
        call=6,
        result=6,
        per_page=560 if third else 258,
        audio=32,
    )


def _open_weights() -> _Rules:
    """Llama, Qwen, Gemma and the like behind Ollama and other servers.

    Each has its own tokenizer and chat template; cl100k_base is the nearest to the most of them.
    """
    return _Rules(
        "cl100k_base",
        anthropic_images(high_resolution=False),  # patches of 28 pixels, as in the Qwen family
        factor=1.02,
        per_message=5,
        reply=5,
        tools=120,
        call=20,
        result=6,
    )


def _rules(provider: str, model: str) -> _Rules:
    name = model.lower().rpartition("/")[2]
    if provider in ("ollama", "ollama_chat"):
        return _open_weights()
    if "claude" in name or provider == "anthropic":
        return _anthropic(name)
    if provider == "gemini" or "gemini" in name:
        return _gemini(name)
    # A reseller's chat format is its own affair, so its counts are not called exact.
    own = provider in ("openai", "azure")
    if found := _openai(name, exact=own):
        return found
    if own:  # a deployment's own name, or a server that speaks the protocol
        return _Rules("o200k_base", openai_images("gpt-4o"), json_tools=False)
    return _open_weights()


# -------------------------------------------------------------------------------------- counter


@lru_cache(maxsize=256)
def counter_for(provider: str, model: str) -> TokenCounter:
    """The counter of one model; the same object for the same names.

    Args:
        provider: litellm's name of the vendor: ``openai``, ``anthropic``, ``gemini``,
            ``ollama``, ``openrouter`` and so on. An unknown one is no error.
        model: The model, with or without the vendor's prefix.
    """
    return TokenCounter(provider, model)


class TokenCounter:
    """Counts what a prompt will be billed as, offline.

    Attributes:
        exact: The text is cut by the vendor's own tokenizer, so messages of text count exactly.
            (Tools, images and documents follow published formulas, within a few tokens.)
            ``False``: everything is an estimate.
    """

    __slots__ = ("_count", "_count_short", "_factor", "_rules", "exact", "model", "provider")

    def __init__(self, provider: str, model: str) -> None:
        self.provider = provider
        self.model = model
        self._rules = _rules(provider.lower(), model)
        self._factor = self._rules.factor
        self._count: Callable[[str], int] | None = None
        self._count_short: Callable[[str], int] | None = None
        self.exact = self._rules.exact

    def __repr__(self) -> str:
        return f"TokenCounter({self.provider!r}, {self.model!r}, exact={self.exact})"

    @property
    def loaded(self) -> bool:
        """Whether counting starts at once."""
        return self._count is not None

    def load(self) -> None:
        """Load the tokenizer now: about 0.3 s that the first count would take otherwise."""
        self._count, self._count_short = _text_counters(self._rules.encoding)

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
            if count is not None and len(content) <= _CACHED_CHARS:
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
        if not self._rules.json_tools and any(m.get("role") == "system" for m in messages):
            tokens -= 4  # OpenAI's tool definitions then share the frame of the system prompt
        return tokens + self._tools(tools)

    def _extras(self, message: Mapping[str, Any]) -> int:
        rules = self._rules
        tokens = 0
        if message.get("name"):
            tokens += rules.name + self.text(str(message["name"]))
        if message.get("refusal"):
            tokens += self.text(str(message["refusal"]))
        calls = [call.get("function") or {} for call in message.get("tool_calls") or ()]
        if message.get("function_call"):
            calls.append(message["function_call"])
        for call in calls:
            tokens += rules.call + self.text(str(call.get("name", "")))
            tokens += self.text(_as_text(call.get("arguments", "")))
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
        return self.text(_as_text(part))

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

    def _tools(self, tools: Sequence[Mapping[str, Any]]) -> int:
        rules = self._rules
        functions = [tool.get("function") or tool for tool in tools]
        tokens = rules.tools + rules.per_tool * len(functions)
        if not rules.json_tools:
            return tokens + self.text(_as_typescript(functions))
        return tokens + sum(self.text(_as_text(_plain(function))) for function in functions)


def _as_text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, default=str)


def _plain(function: Mapping[str, Any]) -> dict[str, Any]:
    return {key: function[key] for key in ("name", "description", "parameters") if key in function}


# OpenAI shows tools to the model as a TypeScript namespace. The format is not documented but well
# known (github.com/hmarr/openai-chat-tokens); recorded requests agree within two tokens.


def _as_typescript(functions: Sequence[Mapping[str, Any]]) -> str:
    lines = ["namespace functions {", ""]
    for function in functions:
        if function.get("description"):
            lines.append(f"// {function['description']}")
        fields = _fields(function.get("parameters") or {}, 0)
        if fields:
            lines += [f"type {function.get('name')} = (_: {{", *fields, "}) => any;", ""]
        else:
            lines += [f"type {function.get('name')} = () => any;", ""]
    return "\n".join([*lines, "} // namespace functions"])


def _fields(schema: Mapping[str, Any], indent: int) -> list[str]:
    required = schema.get("required") or ()
    lines = []
    for key, field in (schema.get("properties") or {}).items():
        # A schema may also be plain true or false.
        if isinstance(field, Mapping) and field.get("description"):
            lines.append(" " * indent + f"// {field['description']}")
        optional = "" if key in required else "?"
        lines.append(" " * indent + f"{key}{optional}: {_type(field, indent)},")
    return lines


def _type(schema: Any, indent: int) -> str:
    if not isinstance(schema, Mapping):
        return "any"
    if "enum" in schema:
        return " | ".join(
            _as_text(item) if item is None else f'"{item}"' for item in schema["enum"]
        )
    for combination in ("anyOf", "oneOf"):
        if combination in schema:
            return " | ".join(_type(one, indent) for one in schema[combination])
    kind = schema.get("type")
    if isinstance(kind, list):
        return " | ".join(_type({**schema, "type": one}, indent) for one in kind)
    if kind == "array":
        return f"{_type(schema.get('items') or {}, indent)}[]"
    if kind == "object":
        return "\n".join(["{", *_fields(schema, indent + 2), " " * indent + "}"])
    if kind in ("integer", "number"):
        return "number"
    return kind if kind in ("string", "boolean", "null") else "any"
