"""What a request allows its vendor to bill, read from the body that leaves.

What is asked of a provider is not what goes out: litellm renames and adds options, ``extra_body``
overrules them, and either may bring texts that were never counted. So the body has the last word.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any, NamedTuple

__all__ = [
    "Bound",
    "Known",
    "answers",
    "cache_writes",
    "longest_answer",
    "of_schema",
    "paid_uses",
    "predicted",
    "routed",
    "tier_of",
]

# Where vendors put the settings of an answer, and what they call its limit and its number.
_PLACES = ("generationConfig", "generation_config", "options", "parameters", "inferenceConfig")
_LIMITS = (
    "max_tokens",
    "max_completion_tokens",
    "max_output_tokens",
    "maxOutputTokens",
    "maxTokens",
    "max_new_tokens",
    "num_predict",
)
_PAID = ("web_search", "file_search", "code_interpreter")
_ANSWERS = ("n", "best_of", "candidateCount")
# Fields that no model reads.
_NO_TEXT = frozenset(
    {"model", "stream", "stream_options", "user", "metadata", "labels", "safety_identifier"}
    | {"stop", "stop_sequences", "service_tier", "serviceTier", "store", "include", "truncation"}
    | {"prompt_cache_key", "prompt_cache_retention", "tool_choice", "prediction", "logit_bias"}
    | {"modalities", "audio", "reasoning", "reasoning_effort", "thinking", "verbosity", "options"}
    | {"stopSequences", "thinkingConfig", "toolChoice", "tool_config"}
    | {"safetySettings", "anthropic_version", "anthropic_beta", "encoding_format", "keep_alive"}
    | {"input_type", "taskType", "extra_headers"}
)
# Where the turns of a conversation stand, and so the texts that were counted.
_TURNS = frozenset(
    {"messages", "system", "contents", "systemInstruction", "system_instruction", "input"}
    | {"instructions", "requests"}
)
_TOOLS = ("tools", "functions", "toolConfig")
# Words of the format itself.
_WORDS = ("type", "role", "media_type", "mimeType", "mime_type", "model", "mode", "taskType")
# Names that the formats put around tools.
_FRAMES = frozenset(
    {"function_declarations", "functionDeclarations", "functionCallingConfig", "parameters"}
    | {"input_schema", "toolSpec", "inputSchema", "json", "tools", "toolChoice", "auto", "strict"}
    | {"parameters_json_schema", "parametersJsonSchema"}
)
_LONGEST_WORD = 64
# What litellm may put around a schema.
_FRAME = 64
# What stands for something that is kept at the vendor: nobody here knows how long it is.
_KEPT_ELSEWHERE = frozenset(
    {"previous_response_id", "conversation", "cachedContent", "cached_content", "file_id"}
    | {"file_uri", "fileUri", "file_url", "s3Location"}
)
_DOCUMENTS = ("document", "file", "input_file", "video", "video_url", "audio_url")


class Bound(NamedTuple):
    """The most that a request can be billed for.

    Attributes:
        prompt: Tokens.
        answer: Tokens of all its answers together.
        service_tier: In the vendor's word.
        cache_writes: 1 where the prompt may be written into the vendor's cache, 2 for an hour.
        sounds: Audio or images may be among the tokens.
        uses: Uses of the vendor's own tools that are billed by use, as (tool, number).
        routed: Words for where and how fast it is answered, which some vendors bill by a factor.
    """

    prompt: int
    answer: int
    service_tier: str | None = None
    cache_writes: int = 0
    sounds: bool = False
    uses: tuple[tuple[str, int], ...] = ()
    routed: tuple[str, ...] = ()


def longest_answer(body: Mapping[str, Any]) -> float | None:
    """Tokens to which the request limits an answer; ``None`` where it says nothing.

    Of several limits the largest counts: which of them a vendor follows is its own affair. What
    is no number above 0 limits nothing (``inf``). Claude may think for longer than its limit says
    (Anthropic, "Interleaved thinking").
    """
    said = [
        place[name] for place in _places(body) for name in _LIMITS if place.get(name) is not None
    ]
    thinking = body.get("thinking")
    if said and isinstance(thinking, Mapping) and thinking.get("budget_tokens") is not None:
        said.append(thinking["budget_tokens"])
    return max(map(_number, said)) if said else None


def predicted(body: Mapping[str, Any]) -> int:
    """Tokens of a predicted answer: what of it is not used is billed like an answer.

    Source: OpenAI, "Predicted outputs".
    """
    prediction = body.get("prediction")
    return _length(prediction) if isinstance(prediction, Mapping | str | list) else 0


def answers(body: Mapping[str, Any]) -> int:
    """How many answers the request asks for."""
    said = [_number(place.get(name)) for place in _places(body) for name in _ANSWERS]
    return max([1, *(int(number) for number in said if math.isfinite(number))])


def tier_of(body: Mapping[str, Any]) -> str | None:
    """The service tier that is asked for."""
    tier = body.get("service_tier") or body.get("serviceTier")
    return tier if isinstance(tier, str) else None


def cache_writes(content: bytes) -> int:
    """Whether the prompt is to be kept in the vendor's cache: 1, or 2 for an hour."""
    if b"cache_control" not in content and b"cachePoint" not in content:
        return 0
    return 2 if b'"1h"' in content else 1


def paid_uses(body: Mapping[str, Any]) -> tuple[tuple[str, int], ...]:
    """Uses of the vendor's own tools that the request allows; one where it sets no number."""
    most: dict[str, int] = {}
    tools = body.get("tools")
    for tool in tools if isinstance(tools, list) else ():
        for name in _paid_names(tool) if isinstance(tool, Mapping) else ():
            uses = min(_number(tool.get("max_uses")), _number(body.get("max_tool_calls")))
            most[name] = int(uses) if math.isfinite(uses) else 1
    if body.get("web_search_options") is not None:
        most.setdefault("web_search", 1)
    return tuple(sorted(most.items()))


def _paid_names(tool: Mapping[str, Any]) -> Iterator[str]:
    kind = str(tool.get("type") or "")
    yield from (name for name in _PAID if kind.startswith(name))
    if "googleSearch" in tool or "google_search" in tool:
        yield "web_search"


def routed(body: Mapping[str, Any]) -> tuple[str, ...]:
    """Anthropic's ``speed`` and ``inference_geo``."""
    said = (body.get("speed"), body.get("inference_geo"))
    return tuple(word for word in said if isinstance(word, str))


def _places(body: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield body
    for name in _PLACES:
        if isinstance(place := body.get(name), Mapping):
            yield place


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
        return math.inf
    return math.ceil(value) if math.isfinite(value) else math.inf


class Known:
    """The texts whose tokens have been counted.

    Args:
        counted: The messages, the tools: whatever holds them.
        strict: Somebody else than us and litellm had a hand in the body (``extra_body``), so that
            a text that is missing does not stand for one that is new.
    """

    def __init__(self, *counted: Any, strict: bool) -> None:
        self._counted = counted
        self._strict = strict

    @cached_property
    def _texts(self) -> Counter[str]:
        texts: Counter[str] = Counter()
        for text in _strings(self._counted):
            texts[text] += 1
            head, base64, payload = text.partition(";base64,")
            if base64 and head.startswith("data:"):  # most vendors want the bytes alone
                texts[payload] += 1
        return texts

    @cached_property
    def _names(self) -> frozenset[str]:
        return _FRAMES.union(_names(self._counted))

    def surplus(self, body: Mapping[str, Any]) -> float:
        """Tokens that the model may read in the body besides those that were counted.

        No token is shorter than a byte. ``inf`` for what the vendor has elsewhere.
        """
        if any(body.get(name) for name in _KEPT_ELSEWHERE):
            return math.inf
        left, more, other = Counter(self._texts), 0, 0
        values: list[tuple[Any, bool]] = []
        for name, value in body.items():
            if name in _TURNS or name in _TOOLS:
                values.append((value, self._strict or name in _TOOLS))
            elif name not in _NO_TEXT and isinstance(value, str | Mapping | list):
                if name == "prompt" and isinstance(value, Mapping):
                    return math.inf  # OpenAI's stored prompts
                other += _length(value)
        while values:
            value, named = values.pop()
            if isinstance(value, str):
                if left[value] > 0:
                    left[value] -= 1
                else:
                    more += _bytes(value)
            elif isinstance(value, list):
                values += ((part, named) for part in value)
            elif isinstance(value, Mapping):
                if _is_elsewhere(value):
                    return math.inf
                for name, part in value.items():
                    if not (name in _WORDS and isinstance(part, str) and len(part) < _LONGEST_WORD):
                        values.append((part, named))
                    if named and name not in self._names:
                        more += _bytes(name)
            elif self._strict and not isinstance(value, bool | None):
                more += len(str(value))
        if not self._strict:
            more -= sum(_bytes(text) * count for text, count in left.items() if count > 0)
        return other + max(0, more)


def of_schema(options: Mapping[str, Any]) -> int:
    """Tokens that the schema of a typed answer takes at most, whatever becomes of it."""
    form = options.get("response_format")
    return _length(form) + _FRAME if isinstance(form, Mapping) else 0


def _length(value: str | Mapping[str, Any] | list[Any]) -> int:
    """Bytes of a field that is no part of the conversation, without mere settings."""
    if isinstance(value, Mapping):
        texts = (item for item in value.items() if isinstance(item[1], str | Mapping | list))
        value = {name: text for name, text in texts if name not in _NO_TEXT}
    return _bytes(json.dumps(value, ensure_ascii=False)) if value else 0


def _is_elsewhere(part: Mapping[str, Any]) -> bool:
    if any(isinstance(part.get(name), str) and part[name] for name in _KEPT_ELSEWHERE):
        return True
    if part.get("type") not in _DOCUMENTS:
        return False
    return any(text.startswith(("http://", "https://", "gs://")) for text in _strings(part))


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from _strings(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _strings(part)


def _names(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for name, part in value.items():
            yield str(name)
            yield from _names(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _names(part)


def _bytes(text: str) -> int:
    return len(text.encode("utf-8", "replace"))
