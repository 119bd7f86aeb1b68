"""The options of a call as Ollama takes them."""

from __future__ import annotations

from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from bruno_llm.exceptions import InvalidRequestError
from bruno_llm.options.call import OllamaOptions, Tuning, names_of

__all__ = ["fit"]


class _Typed(Tuning, OllamaOptions, total=False):
    """What has a type that the server insists on; a wrong one is a 500 there."""


_NAMES = names_of(_Typed)


def fit(options: dict[str, Any]) -> None:
    """Put right what litellm (1.105 to 1.109) passes on as it is, or has no name for.

    Raises:
        InvalidRequestError: An option has the wrong type, or a window that no model can have.
    """
    _check(options)
    if isinstance(options.get("stop"), str):  # option "stop" must be of type array
        options["stop"] = [options["stop"]]
    if options.get("tool_choice") == "none":  # it knows no choice: what it sees it may call
        for name in ("tool_choice", "tools", "functions"):
            options.pop(name, None)
    if "presence_penalty" in options:  # put among the options on its way out, see wire.py
        extra = {"presence_penalty": options.pop("presence_penalty")}
        options["extra_body"] = {**extra, **(options.get("extra_body") or {})}


def _check(options: dict[str, Any]) -> None:
    given = {name: options[name] for name in _NAMES & options.keys()}
    try:
        _types().validate_python(given, strict=True)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        raise InvalidRequestError(f"{first['loc'][0]}: {first['msg']}") from None
    if given.get("num_ctx", 1) < 1:
        raise InvalidRequestError(f"num_ctx must be at least 1 token, not {given['num_ctx']}")


@cache
def _types() -> TypeAdapter[_Typed]:
    return TypeAdapter(_Typed)
