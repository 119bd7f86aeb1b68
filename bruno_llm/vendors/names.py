"""Names of models: as people read them, and those that no request may carry."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches
from functools import lru_cache

from bruno_llm._litellm import Quirks
from bruno_llm.exceptions import ConfigurationError
from bruno_llm.redaction import argument_of
from bruno_llm.vendors.registry import vendor_of

__all__ = ["check_model", "meant_by", "what_is_wrong_with"]

# What a URL gives a meaning to: query, fragment, and the signs that are written with "%".
_OF_URLS = re.compile(r"[?#\\]|%(?!3[aA])[0-9A-Fa-f]{2}")
_LONGEST_SHOWN = 100
_STEPS = ("", ".", "..")


def check_model(name: str, models: Iterable[str], owner: str) -> None:
    """Refuse what a constructor was given as the model and is something else.

    Args:
        name: What it was given.
        models: Those that are known.
        owner: The constructor, for the error.

    Raises:
        ConfigurationError: It looks like a key or an address, or is a display name.
    """
    keyword = argument_of(name)
    if keyword is not None:
        # Not repeated: a key would stand in logs, and go out as the model.
        what = "an API key" if keyword == "api_key" else "an address"
        raise ConfigurationError(
            f"what {owner} was given as the model looks like {what}",
            hint=f"give it as {keyword}=...",
        )
    if meant := meant_by(name, models):
        raise ConfigurationError(f"{name!r} is a display name; the model is {meant!r}")


@lru_cache(maxsize=256)
def what_is_wrong_with(model: str, route: str, quirks: Quirks | None = None) -> str | None:
    """Why a name can be no model's, ``None`` when it can.

    Vendors whose URLs hold the name (Gemini, Azure, Bedrock ...) would be asked something else
    than an answer: ``gemini/../../x`` is ``/x:generateContent`` there.

    Args:
        model: litellm's model string.
        route: What stands before its first ``/``, as litellm sees it.
        quirks: Those of the vendor; of the route's, when left out.
    """
    shown = repr(model[:_LONGEST_SHOWN])
    if not model.isprintable():
        return f"holds a character that cannot be seen: {shown}"
    quirks = quirks or vendor_of(route).quirks
    if quirks is not None and quirks.name_in_body:  # a path like "/models/llama" is a name there
        return None
    name = model.removeprefix(f"{route}/")
    if _OF_URLS.search(name) or any(step in _STEPS for step in name.split("/")):
        return f"cannot stand in a URL, for its '?', '#', '%', '\\', '//' or '..': {shown}"
    return None


def meant_by(display_name: str, models: Iterable[str]) -> str | None:
    """The model of a display name: ``"claude-sonnet-4-5"`` of ``"Claude Sonnet 4.5"``.

    ``None`` for a name without a space, which is no display name, and where no model is near.
    """
    if " " not in display_name.strip():
        return None
    by_slug = {_slug(model): model for model in models}
    near = get_close_matches(_slug(display_name), by_slug, n=1, cutoff=0.85)
    return by_slug[near[0]] if near else None


def _slug(name: str) -> str:
    return re.sub(r"[\s._]+", "-", name.strip().lower())
