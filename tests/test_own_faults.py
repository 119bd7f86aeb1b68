"""What goes wrong on this side of the network is no outage: not retried, not fallen over."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from bruno_llm import (
    ClaudeProvider,
    ConfigurationError,
    FallbackProvider,
    InvalidRequestError,
    LiteLLMProvider,
    LLMError,
    ServiceUnavailableError,
    TransientError,
)
from bruno_llm.errors.translate import translate
from bruno_llm.testing import FakeServer, Fault, MockProvider
from bruno_llm.wire.exchange import Exchange

pytestmark = pytest.mark.usefixtures("no_keys")


class Hidden:
    """Nobody can import these packages."""

    def __init__(self, *names: str) -> None:
        self.names = names

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
        if name.partition(".")[0] in self.names:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


@pytest.fixture
def without_google(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "google"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [Hidden("google"), *sys.meta_path])


async def failure(provider: LiteLLMProvider, way: str, **options: Any) -> LLMError:
    """What a call ends in, and that neither a retry nor another provider hides it."""
    spare = MockProvider(default="never asked")
    both = FallbackProvider([provider, spare])
    with pytest.raises(LLMError) as caught:
        if way == "generate":
            await both.generate("my very secret question", **options)
        else:
            async for _ in both.stream("my very secret question", **options):
                pass
    assert spare.calls == []
    error = caught.value
    assert not isinstance(error, TransientError) and not error.retryable
    assert error.status_code is None
    for word in ("Traceback", ".py", "/", "secret question"):
        assert word not in str(error).replace(f"{provider.model}", ""), str(error)
    return error


@pytest.mark.parametrize("way", ["generate", "stream"])
async def test_a_missing_package_is_named(without_google: None, way: str) -> None:
    error = await failure(LiteLLMProvider("vertex_ai/gemini-2.5-flash"), way)
    assert isinstance(error, ConfigurationError)
    assert "needs a Python package that is not installed" in str(error)
    assert error.hint == "pip install 'litellm[google]'"


@pytest.mark.parametrize("way", ["generate", "stream"])
async def test_what_litellms_code_cannot_do_is_a_bad_request(server: FakeServer, way: str) -> None:
    claude = ClaudeProvider(api_key="k", base_url=server.base_url("anthropic"))
    tool = {"name": "f", "parameters": {"type": "object", "properties": {"a": {"enum": {3}}}}}
    error = await failure(claude, way, tools=[tool])
    assert isinstance(error, InvalidRequestError)
    assert str(error) == (
        f"[claude] {claude.model}: the request could not be made from what was given: "
        "TypeError: Object of type set is not JSON serializable"
    )
    assert server.requests == []


async def test_what_the_vendor_says_is_still_an_outage(server: FakeServer) -> None:
    claude = ClaudeProvider(api_key="k", base_url=server.base_url("anthropic"), retry=None)
    server.script(Fault.status(500, message="it broke: Traceback (most recent call last): File x"))
    with pytest.raises(ServiceUnavailableError, match="it broke") as caught:
        await claude.generate("Hello")
    assert caught.value.retryable and "Traceback" not in str(caught.value)


class Mapped(Exception):
    """As litellm maps what happened to a class of its own."""

    def __init__(self, status_code: int, message: str) -> None:
        super().__init__(message)
        self.status_code, self.message = status_code, message


def told(error: Exception, cause: Exception | None) -> LLMError:
    error.__cause__ = cause
    return translate(error, Exchange(None, {}), provider="p", model="m")


def test_which_status_is_believed_where_the_wire_was_not_seen() -> None:
    mapped = "litellm.APIConnectionError: 'type'\nTraceback (most recent call last):\n  File x"
    assert type(told(Mapped(500, mapped), KeyError("type"))) is InvalidRequestError
    assert type(told(Mapped(500, mapped), ImportError("no"))) is ConfigurationError
    # A vendor's own client was asked, and it said so.
    assert type(told(Mapped(500, "it broke"), Mapped(503, "busy"))) is ServiceUnavailableError
    assert type(told(Mapped(500, "it broke"), None)) is ServiceUnavailableError
    assert isinstance(told(Mapped(500, "x"), ConnectionResetError("gone")), TransientError)
    assert isinstance(told(Mapped(408, "x"), TimeoutError()), TransientError)
    assert type(told(Mapped(400, "litellm.BadRequestError: bad"), None)) is InvalidRequestError
    assert told(Mapped(400, "litellm.BadRequestError: bad"), None).message == "bad"
