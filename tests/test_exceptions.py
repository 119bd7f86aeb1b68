"""The tree of errors: families, facts, copies."""

from __future__ import annotations

import copy
import inspect
import pickle

import pytest
from bruno_core.utils import exceptions as core

from bruno_llm import Completion, exceptions
from bruno_llm.exceptions import (
    ConfigurationError,
    LLMError,
    RateLimitError,
    StreamError,
    TransientError,
)

CLASSES = [getattr(exceptions, name) for name in exceptions.__all__]


def test_the_tree_is_the_one_that_the_module_draws() -> None:
    drawing = inspect.getdoc(exceptions) or ""
    stack: list[tuple[int, str]] = []
    drawn = {}
    for line in drawing.splitlines():
        if "└── " in line or "├── " in line:
            depth = line.index("── ")
            name = line.split("── ")[1].split()[0]
        elif line.strip().startswith("LLMError "):
            depth, name = -1, "LLMError"
        else:
            continue
        stack = [(d, n) for d, n in stack if d < depth]
        drawn[name] = stack[-1][1] if stack else None
        stack.append((depth, name))
    assert set(drawn) == set(exceptions.__all__)
    for name, parent in drawn.items():
        base = getattr(exceptions, name).__bases__[0]
        assert base.__name__ == (parent or "LLMError"), name


@pytest.mark.parametrize("cls", CLASSES)
def test_every_error_is_bruno_cores_too(cls: type[LLMError]) -> None:
    assert issubclass(cls, LLMError)
    assert issubclass(cls, core.LLMError)
    assert cls.retryable == issubclass(cls, TransientError)


def test_two_are_also_of_another_family_of_bruno_core() -> None:
    assert issubclass(ConfigurationError, core.ConfigError)
    assert issubclass(StreamError, core.StreamError)


def test_the_text_says_who_what_and_how_to_help() -> None:
    error = RateLimitError("too fast", "openai", model="gpt-5", hint="slow down", status_code=429)
    assert str(error) == "[openai] gpt-5: too fast (slow down)"
    assert repr(error) == "RateLimitError('[openai] gpt-5: too fast (slow down)', status_code=429)"
    assert str(LLMError("bare")) == "bare"


@pytest.mark.parametrize("cls", CLASSES)
def test_it_travels_without_its_cause(cls: type[LLMError]) -> None:
    cause = OSError("with a secret in it")
    error = cls(
        "words",
        "claude",
        cause,
        model="m",
        status_code=500,
        retry_after=1.5,
        request_id="r",
        hint="h",
        partial=Completion(text="so far"),
    )
    error.retryable = False
    assert error.original_error is error.cause is cause
    for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(twin) is cls
        assert (str(twin), twin.status_code, twin.retry_after) == (str(error), 500, 1.5)
        assert (twin.request_id, twin.hint, twin.retryable) == ("r", "h", False)
        assert twin.partial is not None
        assert twin.partial.text == "so far"
        assert twin.cause is twin.original_error is None


def test_arguments_by_position_are_those_of_the_former_package() -> None:
    cause = ValueError("x")
    error = LLMError("words", "ollama", cause)
    assert (error.message, error.provider, error.original_error) == ("words", "ollama", cause)
