"""How vendors bill a prompt in tokens, as data by vendor.

How far the estimates are off stands in ``docs/context.md``; ``benchmarks/token_estimates.py``
measures it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from bruno_llm.tokens.images import ImageRule, anthropic_images, gemini_images, openai_images

__all__ = ["FAMILIES", "CountingRules", "Family", "rules_for"]


@dataclass(frozen=True, slots=True)
class CountingRules:
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


def _openai(model: str, exact: bool) -> CountingRules | None:
    """The published chat and tool format; the figures of reasoning models are fitted."""
    model = model.removeprefix("ft:")
    if _O200K.match(model):
        encoding = "o200k_base"
    elif _CL100K.match(model):
        encoding = "cl100k_base"
    else:
        return None
    rules = CountingRules(encoding, openai_images(model), exact=exact, json_tools=False)
    if _REASONING.match(model):
        return replace(rules, reply=2, call=14, tools=84)
    return rules


def _openai_own(model: str) -> CountingRules:
    # Another name is a deployment's own, or that of a server that speaks the protocol.
    plain = CountingRules("o200k_base", openai_images("gpt-4o"), json_tools=False)
    return _openai(model, exact=True) or plain


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


def _anthropic(model: str) -> CountingRules:
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
    return CountingRules(
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


def _gemini(model: str) -> CountingRules:
    third = re.search(r"gemini-([3-9]|\d\d)", model) is not None
    gemma = "gemma" in model
    return CountingRules(
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


def _open_weights(model: str) -> CountingRules:
    """Llama, Qwen, Gemma and the like behind Ollama and other servers.

    Each has its own tokenizer and chat template; cl100k_base is the nearest to the most of them.
    """
    return CountingRules(
        "cl100k_base",
        anthropic_images(high_resolution=False),  # patches of 28 pixels, as in the Qwen family
        factor=1.02,
        per_message=5,
        reply=5,
        tools=120,
        call=20,
        result=6,
    )


@dataclass(frozen=True, slots=True)
class Family:
    """Models that are counted alike.

    Attributes:
        providers: litellm's names of those whose models they all are.
        named: Found in the name of such a model when somebody else serves it; empty for none.
        rules: The rules of one model, by its name in small letters without a vendor's prefix;
            ``None`` when the name says that it is none of them.
    """

    providers: tuple[str, ...]
    named: str
    rules: Callable[[str], CountingRules | None]


FAMILIES: Mapping[str, Family] = {
    "ollama": Family(("ollama", "ollama_chat"), "", _open_weights),
    "anthropic": Family(("anthropic",), "claude", _anthropic),
    "gemini": Family(("gemini",), "gemini", _gemini),
    "openai": Family(("openai", "azure"), "", _openai_own),
}
"""By vendor, what its models are counted by; the first that fits is taken."""


def rules_for(provider: str, model: str) -> CountingRules:
    """How the prompt of a model is counted.

    Args:
        provider: litellm's name of who serves it, in small letters.
        model: The model, with or without a vendor's prefix.
    """
    name = model.lower().rpartition("/")[2]
    for family in FAMILIES.values():
        if provider in family.providers or (family.named and family.named in name):
            found = family.rules(name)
            if found is not None:
                return found
    # A reseller's chat format is its own affair, so its counts are not called exact.
    return _openai(name, exact=False) or _open_weights(name)
