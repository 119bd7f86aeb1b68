"""From whatever went wrong to one error: the wire, the chain, the words."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from bruno_llm.errors.rules import ErrorRule
from bruno_llm.errors.translate import translate
from bruno_llm.exceptions import (
    AuthenticationError,
    ContentFilterError,
    ContextLengthExceededError,
    InvalidRequestError,
    LLMError,
    ModelNotFoundError,
    PermissionDeniedError,
    ProviderConnectionError,
    QuotaExceededError,
    RateLimitError,
    RequestTimeoutError,
    ServiceUnavailableError,
)
from bruno_llm.wire.exchange import Exchange


def exchange(status: int | None = None, body: str = "", **headers: str) -> Exchange:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Exchange(None, {"read": 5.0}, status=status, headers=named, body=body.encode())


def told(
    status: int | None, body: str = "", error: BaseException | None = None, **more: Any
) -> LLMError:
    return translate(error, exchange(status, body), provider="p", model="m", **more)


class TestClasses:
    @pytest.mark.parametrize(
        ("status", "body", "expected"),
        [
            (400, '{"error": {"message": "bad"}}', InvalidRequestError),
            (400, "maximum context length is 8192", ContextLengthExceededError),
            (400, "flagged as potentially harmful", ContentFilterError),
            (400, "Your credit balance is too low", QuotaExceededError),
            (400, "API key not valid. Please pass a valid API key.", AuthenticationError),
            (400, "User location is not supported for the API use.", PermissionDeniedError),
            (402, '{"error": "pay"}', QuotaExceededError),
            (403, '{"error": "unsupported_country_region_territory"}', PermissionDeniedError),
            (404, '{"error": {"message": "no such model"}}', ModelNotFoundError),
            (404, "<html>nginx</html>", InvalidRequestError),
            (409, '{"error": "conflict"}', ServiceUnavailableError),
            (418, '{"error": "teapot"}', InvalidRequestError),
            (429, '{"error": {"code": "insufficient_quota"}}', QuotaExceededError),
            (307, "", InvalidRequestError),
            (599, "", ServiceUnavailableError),
        ],
    )
    def test_by_status_and_words(self, status: int, body: str, expected: type[LLMError]) -> None:
        assert type(told(status, body)) is expected

    def test_a_request_that_is_too_large_is_no_use_to_repeat(self) -> None:
        error = told(429, "Request too large for gpt-5 on tokens per min (TPM)")
        assert type(error) is RateLimitError
        assert not error.retryable

    def test_the_vendors_rules_come_first(self) -> None:
        rule = ErrorRule(ModelNotFoundError, "gone fishing", (503,), hint="ask for {model}2")
        error = told(503, "Gone Fishing", rules=(rule,))
        assert (type(error), error.hint) == (ModelNotFoundError, "ask for m2")
        assert type(told(500, "gone fishing", rules=(rule,))) is ServiceUnavailableError

    def test_a_hint_by_class(self) -> None:
        assert told(401, hints={"AuthenticationError": "log in"}).hint == "log in"

    @pytest.mark.parametrize(
        ("cause", "expected"),
        [
            (httpx.ReadTimeout("x"), RequestTimeoutError),
            (TimeoutError(), RequestTimeoutError),
            (httpx.ConnectError("refused"), ProviderConnectionError),
            (ConnectionResetError("x"), ProviderConnectionError),
            (ValueError("litellm cannot read it"), InvalidRequestError),
        ],
    )
    def test_without_an_answer(self, cause: Exception, expected: type[LLMError]) -> None:
        wrapper = RuntimeError("litellm.APIConnectionError: wrapped")
        wrapper.__cause__ = cause
        assert type(told(None, error=wrapper)) is expected

    def test_the_first_status_below_litellms_class_is_the_true_one(self) -> None:
        class Said(Exception):
            status_code: int
            message: str

        top, below = Said("top"), Said("below")
        top.status_code, top.message = 500, "litellm says so"
        below.status_code, below.message = 529, "overloaded"
        top.__cause__ = below
        error = told(None, error=top)
        assert (error.status_code, error.message) == (529, "overloaded")

    def test_a_chain_that_bites_its_tail_ends(self) -> None:
        one, two = RuntimeError("one"), RuntimeError("two")
        one.__cause__, two.__cause__ = two, one
        assert isinstance(told(None, error=one), LLMError)

    @pytest.mark.parametrize(
        ("event", "status", "expected"),
        [
            ({"error": {"type": "overloaded_error", "message": "x"}}, 529, ServiceUnavailableError),
            ({"error": {"code": 429, "message": "x"}}, 429, RateLimitError),
            ({"error": {"status": "UNAVAILABLE", "message": "x"}}, 503, ServiceUnavailableError),
            ({"error": "something else"}, None, ServiceUnavailableError),
        ],
    )
    def test_an_error_inside_a_stream(
        self, event: dict[str, Any], status: int | None, expected: type[LLMError]
    ) -> None:
        streaming = exchange(200)
        streaming.facts.error = event
        error = translate(None, streaming, provider="p", model="m")
        assert (type(error), error.status_code) == (expected, status)

    def test_an_answer_that_makes_no_sense(self) -> None:
        broken = exchange(200, "<html>")
        broken.facts.fault = "a body that is not a JSON object"
        invented = httpx.HTTPError("x")
        invented.status_code = 422  # type: ignore[attr-defined]  # as litellm does
        error = translate(invented, broken, provider="p", model="m")
        assert type(error) is ServiceUnavailableError
        assert "not a JSON object" in error.message


class TestMessages:
    @pytest.mark.parametrize(
        ("body", "message"),
        [
            ('{"error": {"message": "the\\n  words"}}', "the words"),
            ('[{"error": {"message": "in a list"}}]', "in a list"),
            ('{"error": "plain"}', "plain"),
            ('"a string"', "a string"),
            ('{"detail": "fastapi"}', "fastapi"),
            ("no json at all", "no json at all"),
            ("", "HTTP 500"),
            ("<!DOCTYPE html><html>proxy</html>", "HTTP 500"),
            ("7", "HTTP 500"),
        ],
    )
    def test_one_line_of_the_vendors_own_words(self, body: str, message: str) -> None:
        assert told(500, body).message == message

    def test_a_long_one_is_cut(self) -> None:
        assert len(told(500, "x" * 5000).message) == 400


def test_the_id_of_a_request() -> None:
    headers = {"x-request-id": "a", "request-id": "b"}
    assert Exchange(None, {}, headers=headers).request_id == "a"
    assert Exchange(None, {}, headers={"request-id": "b"}).request_id == "b"
    assert Exchange(None, {}).request_id is None


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ("invalid model ID", "ModelNotFoundError"),
        ("The requested model 'x' does not exist.", "ModelNotFoundError"),
        ("The free tier is not available in your country.", "PermissionDeniedError"),
        ("This organization has been disabled.", "PermissionDeniedError"),
        ("You have reached your specified API usage limits.", "QuotaExceededError"),
        ("The function get_model does not exist.", "InvalidRequestError"),
    ],
)
def test_what_a_400_says_in_words(said: str, error: str) -> None:
    body = json.dumps({"error": {"message": said}}).encode()
    exchange = Exchange(None, {}, status=400, body=body)
    assert type(translate(None, exchange, provider="p", model="m")).__name__ == error
