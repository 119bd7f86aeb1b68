"""Errors of public constructors and functions that are given secrets, without the frames behind.

A logger that prints the variables of frames would print the key as it was given, if an error of
``OpenAIProvider(api_key=..., temperature=9)`` led through the frame that has it as an argument.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from inspect import iscoroutinefunction
from typing import Any, ParamSpec, TypeVar, cast

from bruno_llm.exceptions import LLMError
from bruno_llm.redaction import bare

__all__ = ["keeps_secrets"]

P = ParamSpec("P")
T = TypeVar("T")


def keeps_secrets(function: Callable[P, T]) -> Callable[P, T]:
    """The same function; an ``LLMError`` out of it has no frame that holds its arguments."""
    if iscoroutinefunction(function):

        @wraps(function)
        async def asked(*args: Any, **kwargs: Any) -> Any:
            try:
                return await function(*args, **kwargs)
            except LLMError as error:
                failed = bare(error)
            del args, kwargs
            raise failed

        return cast("Callable[P, T]", asked)

    @wraps(function)
    def called(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return function(*args, **kwargs)
        except LLMError as error:
            failed = bare(error)
        del args, kwargs
        raise failed

    return called
