"""How OpenAI's models count: the published chat and tool format.

The figures of reasoning models are fitted.
"""

from __future__ import annotations

import re
from dataclasses import replace

from bruno_llm.tokens.rules import CountingRules, Family
from bruno_llm.vendors.openai.images import images_of
from bruno_llm.vendors.openai.typescript import as_typescript

__all__ = ["TOKENS"]

_O200K = re.compile(r"chatgpt-4o|gpt-(4o|4\.[1-9]|[5-9]|\d\d|oss)|o[1-9]|computer-use")
_CL100K = re.compile(r"gpt-(4|3\.5|35)|text-embedding-(3|ada-002)")
# Their chat format opens the answer with one token less; o1-mini and o1-preview still have it.
_REASONING = re.compile(r"gpt-([5-9]|\d\d)(?!.*chat)|o[3-9]|o1(?!-mini|-preview)")

# Another name is a deployment's own, or that of a server that speaks the protocol. Definitions of
# tools share the frame of a system prompt.
_ANY = CountingRules("o200k_base", images_of("gpt-4o"), beside_system=4, shown=as_typescript)


def _rules(model: str) -> CountingRules | None:
    model = model.removeprefix("ft:")
    if _O200K.match(model):
        encoding = "o200k_base"
    elif _CL100K.match(model):
        encoding = "cl100k_base"
    else:
        return None
    rules = replace(_ANY, encoding=encoding, images=images_of(model), exact=True)
    if _REASONING.match(model):
        return replace(rules, reply=2, call=14, tools=84)
    return rules


TOKENS = Family(_rules, otherwise=_ANY)
