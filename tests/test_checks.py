"""Limits of numbers as types, and the nearest name."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import pytest

from bruno_llm import ConfigurationError, LiteLLMEmbedder, Retry, Timeout
from bruno_llm.options.checks import (
    Count,
    Seconds,
    Share,
    Temperature,
    check,
    check_arguments,
    nearest,
)
from bruno_llm.options.limits import HeaderName, HeaderText, Label


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


def test_types_that_cannot_be_checked_are_left_alone() -> None:
    for annotation in (Any, object, int | Any, list[Any], Callable[..., Any] | None):
        check("x", object(), annotation)


@pytest.mark.parametrize(
    ("annotation", "right", "wrong", "words"),
    [
        (bool | None, (True, None), (1, "true"), "true or false, or None"),
        (str | Sequence[str], ("x", ["x"], ()), (5, [5], b"x"), "a text or a list"),
        (Mapping[str, float], ({"a": 1}, {5: -1.0}), ({"a": "x"}, [1]), "each value a number"),
        (Literal[0, 1] | None, (0, 1, None), (2, [0]), "one of 0, 1, or None"),
        (type | Mapping[str, Any], (int, {}), ("int", 5), "a class or a dict"),
        (HeaderText, ("", "a b", "a"), (" a", "a\n", "ä", 5), "one line of ASCII"),
        (Mapping[HeaderName, str], ({"x-a": ""},), ({"a b": ""}, {"": ""}), "a dict"),
        (Label, ("us-east-1", "123"), ("a/b", "", "a.test@"), "letters, digits"),
    ],
)
def test_texts_lists_and_dicts(
    annotation: Any, right: Sequence[Any], wrong: Sequence[Any], words: str
) -> None:
    for value in right:
        check("x", value, annotation)
    for value in wrong:
        with pytest.raises(ConfigurationError, match=re.escape(words)):
            check("x", value, annotation)


def test_what_a_collection_holds_is_not_shown() -> None:
    with pytest.raises(ConfigurationError, match=r"^x=a dict is not allowed") as caught:
        check("x", {"authorization": "secret\n"}, Mapping[str, HeaderText])
    assert "secret" not in str(caught.value)


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
