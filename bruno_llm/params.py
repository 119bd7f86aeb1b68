"""Which options a call may carry.

litellm puts every option it does not know straight into the request body, so a misspelt one would
be sent, billed, and ignored. Here unknown names are refused with the nearest known one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any

from bruno_llm.exceptions import ConfigurationError, InvalidRequestError

__all__ = [
    "CHAT_PARAMS",
    "FEATURES",
    "GENERIC_PARAMS",
    "KNOBS",
    "check_names",
    "check_tools",
    "present",
    "spelt_out",
]

KNOBS = frozenset(
    {
        "temperature",
        "top_p",
        "n",
        "seed",
        "stop",
        "presence_penalty",
        "frequency_penalty",
        "logit_bias",
        "logprobs",
        "top_logprobs",
        "user",
        "parallel_tool_calls",
        "reasoning_effort",
        "verbosity",
        "safety_identifier",
        "prompt_cache_key",
        "service_tier",
        "store",
    }
)
"""Tuning: a model that lacks one still gives a good answer, so it is dropped with a warning."""

FEATURES = frozenset(
    {
        "tools",
        "tool_choice",
        "functions",
        "function_call",
        "response_format",
        "modalities",
        "audio",
        "prediction",
        "thinking",
        "web_search_options",
    }
)
"""What the answer depends on: a model that lacks one is an error before the request."""

# The rest of litellm.acompletion's OpenAI parameters, and its ways to say something of one's own.
CHAT_PARAMS = KNOBS | FEATURES | {"max_completion_tokens", "extra_headers", "extra_body"}
"""Options of every provider (litellm 1.105 to 1.109, ``main.py``, ``acompletion``)."""

GENERIC_PARAMS = frozenset(
    {
        "api_version",
        "top_k",
        "aws_access_key_id",
        "aws_secret_access_key",
        "aws_session_token",
        "aws_region_name",
        "aws_profile_name",
        "azure_ad_token",
        "vertex_project",
        "vertex_location",
        "vertex_credentials",
        "custom_llm_provider",
        "drop_params",
        "repetition_penalty",
        "min_p",
        "provider",
        "transforms",
    }
)
"""What other litellm routes need, for the generic provider."""


def check_names(names: Iterable[str], allowed: Iterable[str], where: str) -> None:
    """Refuse options that nobody would read.

    Raises:
        ConfigurationError: Names the option, the nearest known one, and the way to send it all
            the same (``extra_body``).
    """
    known = sorted(allowed)
    for name in names:
        if name not in known:
            near = get_close_matches(name, known, n=1)
            guess = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known)}."
            raise ConfigurationError(
                f"{where} has no option {name!r}; {guess} "
                "To send a field of the vendor as it is, use extra_body={...}."
            )


def check_tools(tools: Any) -> None:
    """Refuse what litellm would send as it is.

    Raises:
        InvalidRequestError: ``tools`` is no list of OpenAI-shaped tool dicts.
    """
    if tools is None:
        return
    whole = isinstance(tools, list | tuple) and all(isinstance(tool, Mapping) for tool in tools)
    if not whole:
        raise InvalidRequestError(
            "tools must be a list of dicts such as "
            "{'type': 'function', 'function': {'name': ..., 'parameters': {...}}}"
        )


def spelt_out(options: Mapping[str, Any]) -> dict[str, str]:
    """Each option as ``option`` and as ``option=value``, both pointing to its name."""
    words: dict[str, str] = {}
    for name, value in options.items():
        kind = value.get("type") if isinstance(value, Mapping) else value
        words |= {name: name, f"{name}={kind}": name}
    return words


def present(params: Mapping[str, Any]) -> dict[str, Any]:
    """The options that have a value; vendors refuse a null."""
    return {name: value for name, value in params.items() if value is not None}
