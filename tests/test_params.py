"""Options: known names, near misses."""

from __future__ import annotations

from typing import Any

import pytest

from bruno_llm import ClaudeProvider, ConfigurationError, LiteLLMProvider, OllamaProvider
from bruno_llm.options.params import (
    CHAT_PARAMS,
    FEATURES,
    GENERIC_PARAMS,
    KNOBS,
    check_names,
    present,
)


def test_knobs_and_features_are_not_the_same() -> None:
    assert not KNOBS & FEATURES
    assert KNOBS | FEATURES < CHAT_PARAMS
    assert not CHAT_PARAMS & GENERIC_PARAMS


def test_a_known_name_passes() -> None:
    check_names(["top_p", "stop"], CHAT_PARAMS, "x")


def test_a_near_miss_is_guessed_and_the_place_is_named() -> None:
    with pytest.raises(ConfigurationError, match=r"OllamaProvider\(\) .*'num_ctxt'.*'num_ctx'"):
        OllamaProvider(num_ctxt=4096)


def test_far_from_everything_the_known_ones_are_listed_with_the_way_out() -> None:
    with pytest.raises(ConfigurationError, match=r"known: .*top_p.*extra_body"):
        check_names(["xyzzy"], ["top_p"], "x")


def test_each_vendor_has_options_of_its_own() -> None:
    OllamaProvider(num_ctx=4096)
    ClaudeProvider(top_k=3)
    LiteLLMProvider("azure/x", api_version="2025-01-01")
    with pytest.raises(ConfigurationError):
        ClaudeProvider(num_ctx=4096)
    with pytest.raises(ConfigurationError):
        OllamaProvider(api_version="2025-01-01")


def test_a_null_is_not_an_option() -> None:
    assert present({"a": None, "b": 0, "c": False}) == {"b": 0, "c": False}


@pytest.mark.parametrize("method", ["generate", "complete", "stream", "stream_events"])
@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"maxtokens": 5}, "has no option 'maxtokens'; did you mean 'max_tokens'?"),
        ({"tempratur": 1}, "has no option 'tempratur'; did you mean 'temperature'?"),
        ({"stream": True}, r"has no option 'stream': use llm.stream\(\)"),
        ({"temperature": 2.5}, r"temperature=2.5 is not allowed: .* at most 2, or None"),
        ({"max_tokens": 0}, r"max_tokens=0 is not allowed: a whole number of at least 1"),
        ({"temperature": float("nan")}, "temperature=nan"),
    ],
)
async def test_a_wrong_option_of_a_call_is_refused_before_the_request(
    method: str, options: dict[str, Any], told: str
) -> None:
    llm = OllamaProvider(base_url="http://127.0.0.1:9")
    answer = getattr(llm, method)([{"role": "user", "content": "Hello"}], **options)
    with pytest.raises(ConfigurationError, match=told):
        if hasattr(answer, "__aiter__"):
            _ = [piece async for piece in answer]
        else:
            await answer


def test_a_wrong_option_of_a_constructor() -> None:
    with pytest.raises(ConfigurationError, match="did you mean 'api_key'"):
        OllamaProvider(api_kye="x")
    with pytest.raises(ConfigurationError, match="temperature=-1 is not allowed"):
        OllamaProvider(temperature=-1)
