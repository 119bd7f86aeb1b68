"""The names that a configuration knows, how each reads its text, and older forms of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from bruno_llm.config.env import ValueKind
from bruno_llm.exceptions import ConfigurationError
from bruno_llm.options.call import ProviderOptions, names_of

__all__ = ["KINDS", "VENDOR_PARAMS", "canonical", "with_provider"]

KINDS: Mapping[str, ValueKind] = {
    "provider": "text",
    "model": "text",
    "api_key": "text",
    "base_url": "text",
    "timeout": "policy",
    "system_prompt": "text",
    "temperature": "number",
    "max_tokens": "number",
    "params": "mapping",
    "retry": "policy",
    "rate_limit": "policy",
    "budget": "policy",
    "costs": "policy",
    "fallback": "list",
    "cache": "policy",
    "window": "policy",
    "max_response_bytes": "number",
}
"""How each setting reads its text."""

_PARAM_KINDS: Mapping[str, ValueKind] = {
    "api_version": "text",
    "extra_body": "mapping",
    "extra_headers": "mapping",
    "logit_bias": "mapping",
    "organization": "text",
    "prompt_cache_key": "text",
    "safety_identifier": "text",
    "stop": "list",
    "user": "text",
    "keep_alive": "text",
}
VENDOR_PARAMS: Mapping[str, ValueKind] = {
    name: _PARAM_KINDS.get(name, "any") for name in sorted(names_of(ProviderOptions) - KINDS.keys())
}
"""Parameters of the vendors that may stand beside the settings instead of under ``params``."""

_ABSENT_WHEN_EMPTY = ("model", "api_key", "base_url")
_ABSENT_WHEN_NONE = ("model", "api_key", "base_url", "system_prompt", "temperature", "max_tokens")


def canonical(values: Mapping[str, Any], accepts: Collection[str] = ()) -> dict[str, Any]:
    """Settings under their own names: short and older forms put where they belong.

    Args:
        values: What was written.
        accepts: Further names that go to ``params``.

    Raises:
        ConfigurationError: Two forms of one setting contradict.
    """
    settings = {
        name: value
        for name, value in values.items()
        if not (value is None and name in _ABSENT_WHEN_NONE)
        # What "${OPENAI_API_KEY:-}" leaves.
        if not (value == "" and name in _ABSENT_WHEN_EMPTY)
    }
    inner = {**_mapping(settings, "additional_params"), **_mapping(settings, "params")}
    flat = [
        name
        for name in settings
        if name not in KINDS and (name in VENDOR_PARAMS or name in accepts)
    ]
    for name in flat:
        if name in inner:
            raise ConfigurationError(f"{name!r} is given twice, beside params and in params")
        inner[name] = settings.pop(name)
    if inner:
        settings["params"] = inner
    _old_forms(settings)
    _one_budget(settings)
    return settings


def with_provider(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings, with a model string (``groq/llama-3``) as the provider when none is named."""
    named = dict(settings)
    if not named.get("provider") and "/" in str(named.get("model") or ""):
        named["provider"] = named.pop("model")
    return named


def _mapping(settings: dict[str, Any], name: str) -> Mapping[str, Any]:
    """Take a mapping out of the settings; anything else stays for the validation to refuse."""
    if isinstance(settings.get(name), Mapping):
        taken: Mapping[str, Any] = settings.pop(name)
        return taken
    if settings.get(name, 0) is None:
        del settings[name]
    return {}


def _old_forms(settings: dict[str, Any]) -> None:
    """``max_retries`` and ``track_cost`` of bruno-llm 0.2.0."""
    if "max_retries" in settings and "retry" not in settings:
        retries = settings.pop("max_retries")
        # Text that is no number is left to the validation of attempts.
        settings["retry"] = {
            "attempts": int(retries) + 1 if str(retries).strip().isdigit() else retries
        }
    if "track_cost" in settings and "costs" not in settings:
        settings["costs"] = settings.pop("track_cost") not in (False, None)


def _one_budget(settings: dict[str, Any]) -> None:
    """Part the budget from the other options of costs, so that each is laid by itself."""
    budget = settings.get("budget")
    if isinstance(budget, Mapping) and "limit" not in budget:
        if "costs" in settings:
            raise ConfigurationError("budget with options and costs are the same: give one of them")
        settings["costs"] = settings.pop("budget")
    elif isinstance(budget, bool):
        if budget:
            raise ConfigurationError("budget must be a number of US dollars, or false")
        settings["budget"] = None
    costs = settings.get("costs")
    if not isinstance(costs, Mapping) or "budget" not in costs:
        return
    if settings.setdefault("budget", costs["budget"]) != costs["budget"]:
        raise ConfigurationError("budget and costs.budget differ: give one of them")
    settings["costs"] = {name: value for name, value in costs.items() if name != "budget"}
