"""What is a secret, and how it is hidden."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bruno_llm.redaction import Redactor, causes, hide_url_secrets, is_secret_name


def test_keys_of_known_shapes_and_our_own() -> None:
    redact = Redactor(["my-own-key-123"])
    text = redact("my-own-key-123 sk-ant-api03-abcdefgh Bearer abcdefghijk AIza" + "x" * 35)
    assert text == "[key] [key] Bearer [key] [key]"


def test_short_secrets_and_prompts_would_spoil_everything() -> None:
    assert Redactor(["any"], ["hi"])("hi, any day") == "hi, any day"


@settings(deadline=None)
@given(st.text(min_size=12), st.integers(0, 2))
def test_a_prompt_is_found_however_it_is_quoted(prompt: str, depth: int) -> None:
    quoted = prompt
    for _ in range(depth):
        quoted = json.dumps(quoted)
    redact = Redactor([], [prompt])
    if depth < 2:
        assert prompt not in redact(f"you said {quoted}") or prompt.strip() in "[prompt]"
    words = [word for word in prompt.split('"') if len(word) >= 12 and word.isascii()]
    for word in words:
        if word.replace(" ", "").isalnum():
            assert word not in redact(f"<{quoted}>")


@pytest.mark.parametrize("spell", [str, repr, lambda text: repr(text.encode())])
def test_a_prompt_in_a_repr(spell: Any) -> None:
    prompt = 'grandmother\'s “secret” recipe: «crème» & "sugar"\nand cinnamon'
    text = Redactor([], [prompt])(f"'\" {spell(prompt)} \"'")
    assert "cinnamon" not in text
    assert "grandmother" not in text


def test_a_clean_cause_is_kept_and_a_dirty_one_replaced() -> None:
    redact = Redactor(["my-own-key-123"])
    clean = ValueError("fine")
    assert redact.cause(clean) is clean
    dirty = RuntimeError("top")
    dirty.__cause__ = KeyError("my-own-key-123")
    stand_in = redact.cause(dirty)
    assert type(stand_in).__name__ == "UpstreamError"
    assert "[key]" in str(stand_in)
    assert stand_in.__cause__ is None


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("api_key", True),
        ("x-api-key", True),
        ("Authorization", True),
        ("session_token", True),
        ("aws_secret_access_key", True),
        ("max_tokens", False),
        ("keys", False),
        ("tag", False),
    ],
)
def test_the_names_of_secrets(name: str, secret: bool) -> None:
    assert is_secret_name(name) is secret


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://user:pass@host:8080/v1", "http://****@host:8080/v1"),
        ("https://host/v1?token=abc", "https://host/v1?****"),
        ("https://host/v1", "https://host/v1"),
    ],
)
def test_the_secrets_of_an_address(url: str, shown: str) -> None:
    assert hide_url_secrets(url) == shown


def test_a_chain_of_causes_that_loops_ends() -> None:
    one, two = RuntimeError("one"), RuntimeError("two")
    one.__cause__, two.__cause__ = two, one
    assert list(causes(one)) == [one, two]
