"""Which of OpenAI's two endpoints a call needs: chat completions or responses.

Source: OpenAI's error for ``/v1/chat/completions``: "Function tools with reasoning_effort are not
supported ... use /v1/responses or set reasoning_effort to 'none'", which gpt-5.4 and later give
for every function tool unless told not to think; litellm's map of models (``mode``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from bruno_llm.exceptions import ConfigurationError
from bruno_llm.options.call import ResponsesOptions, names_of

__all__ = ["NOT_IN_RESPONSES", "hidden_from_litellm", "needs_responses"]

_APIS = ("auto", "chat", "responses")
_RESPONSES_OPTIONS = names_of(ResponsesOptions) - {"api"}
"""What only the responses endpoint takes."""

NOT_IN_RESPONSES = frozenset(
    {
        "audio",
        "frequency_penalty",
        "function_call",
        "functions",
        "logit_bias",
        "modalities",
        "n",
        "prediction",
        "presence_penalty",
        "seed",
        "stop",
    }
)
"""What the responses endpoint has no field for."""

# litellm drops a choice without tools.
_TOOLS = ("tools", "tool_choice")
_VERSION = re.compile(r"gpt-(\d+)(?:\.(\d+))?")
_THINKS_WITH_TOOLS = (5, 4)
# Of chat completions; all others run at the vendor, which chat completions does not offer.
_CLIENT_TOOLS = ("function", "custom", None)


def needs_responses(
    api: Any, model: str, base_url: str | None, options: Mapping[str, Any], mode: str | None
) -> bool:
    """Whether the call goes to the responses endpoint.

    Args:
        api: ``"chat"``, ``"responses"``, or ``"auto"``: what the model needs on OpenAI's own
            address, and chat completions on an address of one's own.
        model: The bare name.
        base_url: Where it is, ``None`` for the vendor's own address.
        options: Of the call.
        mode: litellm's word for what the model takes.

    Raises:
        ConfigurationError: ``api`` is none of the three.
    """
    if api not in _APIS:
        raise ConfigurationError(f"api must be one of {', '.join(_APIS)}, not {api!r}")
    if api != "auto":
        return bool(api == "responses")
    if base_url is not None and not (urlsplit(base_url).hostname or "").endswith(".openai.com"):
        return False
    if mode == "responses" or _RESPONSES_OPTIONS & set(options):
        return True
    tools = [tool.get("type") for tool in options.get("tools") or ()]
    if any(kind not in _CLIENT_TOOLS for kind in tools):
        return True
    return "function" in tools and _thinks(model, options.get("reasoning_effort"))


def hidden_from_litellm(model: str, mode: str | None) -> tuple[str, ...]:
    """What litellm must not see of a chat completion, because it would take the other endpoint.

    Its rule is ``responses_api_bridge_check`` (1.105 to 1.109, ``main.py``).
    """
    if mode == "responses":
        return ("model", *_TOOLS)
    return _TOOLS if _thinks(model, None) else ()


def _thinks(model: str, effort: Any) -> bool:
    found = _VERSION.match(model)
    if found is None or "search" in model:
        return False
    version = (int(found.group(1)), int(found.group(2) or 0))
    return version >= _THINKS_WITH_TOOLS and effort != "none"
