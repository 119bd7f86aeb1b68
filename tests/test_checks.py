"""Limits of numbers as types, and the nearest name."""

from __future__ import annotations

from typing import Any, Literal

import pytest

from bruno_llm import ConfigurationError, LiteLLMEmbedder, Retry, Timeout
from bruno_llm.checks import Count, Seconds, Share, Temperature, check, check_arguments, nearest


@pytest.mark.parametrize(
    ("limit", "good", "bad", "words"),
    [
        (Count, [1, 3, 3.0], [0, 1.5, True, "1", None], "a whole number of at least 1"),
        (Seconds | None, [0.1, 5, None], [0, -1, float("nan"), float("inf")], "above 0, or None"),
        (Share, [0.5, 1], [0, 1.1], "a number above 0 and at most 1"),
        (Temperature, [0, 2], [-0.1, 2.1], "a number of at least 0 and at most 2"),
        (Literal["a", "b"], ["a"], ["c", None], "one of 'a', 'b'"),
    ],
)
def test_a_type_says_what_a_number_may_be(
    limit: Any, good: list[Any], bad: list[Any], words: str
) -> None:
    for value in good:
        check("x", value, limit)
    for value in bad:
        with pytest.raises(ConfigurationError, match=words):
            check("x", value, limit)


def test_types_without_a_limit_are_left_alone() -> None:
    for limit in (int, str | None, int | str, Any):
        check("x", object(), limit)


def test_the_arguments_of_a_signature_are_checked_by_their_annotations() -> None:
    check_arguments("Retry", Retry, {"attempts": 3, "other": "x"})
    with pytest.raises(ConfigurationError, match=r"^Retry\(attempts=0\) is not allowed: a whole"):
        check_arguments("Retry", Retry, {"attempts": 0})


def test_a_text_that_may_be_a_secret_is_not_shown() -> None:
    with pytest.raises(ConfigurationError) as caught:
        Timeout(read="sk-planted-1234567890-WXYZ")
    assert "planted" not in str(caught.value)


def test_an_embedder_uses_the_same_check() -> None:
    with pytest.raises(ConfigurationError, match=r"LiteLLMEmbedder\(dimensions=0\)"):
        LiteLLMEmbedder("cohere/x", dimensions=0)


def test_the_nearest_name_or_all() -> None:
    assert nearest("modle", ["model", "timeout"]) == "; did you mean 'model'?"
    assert nearest("xyzzy", ["b", "a"]) == "; known: a, b"
