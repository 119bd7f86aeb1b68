"""What is true of Amazon Bedrock, whose answers litellm reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from bruno_llm.vendors.openai.wire import COMPATIBLE
from bruno_llm.vendors.vendor import Vendor

__all__ = ["BEDROCK"]

_COUNTS = ("inputTokens", "outputTokens")


def _count_nothing(payload: dict[str, Any]) -> bool:
    """Zeros for counts that are not there: litellm fails without, and zeros are no counts to us.

    litellm 1.105 to 1.109, ``llms/bedrock/chat/converse_transformation.py``: ``usage`` is taken
    for granted.
    """
    usage = payload.get("usage")
    if isinstance(usage, Mapping) and all(isinstance(usage.get(name), int) for name in _COUNTS):
        return False
    payload["usage"] = {**dict.fromkeys(_COUNTS, 0), "totalTokens": 0}
    return True


BEDROCK = Vendor(
    name="bedrock",
    routes=("bedrock",),
    # OpenAI's format is that of some models; Amazon Bedrock API reference, "Converse", of the rest.
    wire=replace(COMPATIBLE, unread={"/converse": _count_nothing}),
)
