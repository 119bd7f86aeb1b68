"""The providers under test, the ways to call them, and what a server saw of a call."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from bruno_llm import (
    ClaudeProvider,
    Completion,
    GeminiProvider,
    LiteLLMProvider,
    MistralProvider,
    OllamaProvider,
    OpenAIProvider,
    StreamEnd,
    StreamEvent,
)
from bruno_llm.testing import FakeServer, Request

KEY = "contract-key-0123456789abcdef"

WAYS = ("generate", "complete", "stream", "stream_events")
"""Every way to ask."""

FACTS = ("complete", "stream_events")
"""The ways whose answer is a ``Completion``."""


@dataclass(frozen=True)
class Case:
    """A provider class and the wire it speaks."""

    id: str
    cls: type[LiteLLMProvider]
    vendor: str
    """As ``FakeServer`` names it."""
    model: str
    """As it is given to the class."""
    variable: str | None
    """The variable to set, which the error about a missing key names."""
    named: str
    """The provider's name in errors and completions."""
    address: str
    """The variable that may hold the address."""
    prefix: str
    """What may stand before the model."""
    prices: tuple[float, float, float]
    """US dollars per million tokens: input, cached input, output."""
    dearer: str | None
    """A model of the same vendor that costs more."""

    def provider(self, server: FakeServer, **options: Any) -> LiteLLMProvider:
        settings = {"base_url": server.base_url(self.vendor), "api_key": KEY, "retry": None}
        return self.cls(self.model, **{**settings, **options})

    @property
    def bare(self) -> str:
        """The model as the vendor names it."""
        return self.model.rpartition("/")[2]

    def __str__(self) -> str:
        return self.id


OPENAI = Case(
    id="openai",
    cls=OpenAIProvider,
    vendor="openai",
    model="gpt-4o-mini",
    variable="OPENAI_API_KEY",
    named="openai",
    address="OPENAI_BASE_URL",
    prefix="openai/",
    prices=(0.15, 0.075, 0.60),
    dearer="gpt-4o-2024-08-06",
)
CLAUDE = Case(
    id="claude",
    cls=ClaudeProvider,
    vendor="anthropic",
    model="claude-sonnet-4-5",
    variable="ANTHROPIC_API_KEY",
    named="claude",
    address="ANTHROPIC_BASE_URL",
    prefix="claude/",
    prices=(3.00, 0.30, 15.00),
    dearer="claude-opus-4-5-20251101",
)
GEMINI = Case(
    id="gemini",
    cls=GeminiProvider,
    vendor="gemini",
    model="gemini-2.5-flash",
    variable="GEMINI_API_KEY",
    named="gemini",
    address="GEMINI_API_BASE",
    prefix="gemini/",
    prices=(0.30, 0.03, 2.50),
    dearer="gemini-2.5-pro",
)
MISTRAL = Case(
    id="mistral",
    cls=MistralProvider,
    vendor="mistral",
    model="mistral-small-latest",
    variable="MISTRAL_API_KEY",
    named="mistral",
    address="MISTRAL_API_BASE",
    prefix="mistral/",
    prices=(0.15, 0.015, 0.60),
    dearer="mistral-medium-latest",
)
OLLAMA = Case(
    id="ollama",
    cls=OllamaProvider,
    vendor="ollama",
    model="llama3.2",
    variable=None,
    named="ollama",
    address="OLLAMA_HOST",
    prefix="ollama/",
    prices=(0.0, 0.0, 0.0),
    dearer=None,
)
GENERIC = Case(
    id="generic",
    cls=LiteLLMProvider,
    vendor="openai",
    model="openai/gpt-4o-mini",
    variable="OPENAI_API_KEY",
    named="litellm",
    address="OPENAI_BASE_URL",
    prefix="openai/",
    prices=(0.15, 0.075, 0.60),
    dearer="gpt-4o-2024-08-06",
)
CASES = (OPENAI, CLAUDE, GEMINI, MISTRAL, OLLAMA, GENERIC)

Make = Callable[..., LiteLLMProvider]


def only(*cases: Case) -> pytest.MarkDecorator:
    """Run the test for these cases alone, where the others' wire cannot say such a thing."""
    return pytest.mark.parametrize("case", cases, ids=str, indirect=True)


def all_but(*cases: Case) -> pytest.MarkDecorator:
    """Run the test for all cases but these, whose wire cannot say such a thing."""
    return only(*(case for case in CASES if case not in cases))


USER = [{"role": "user", "content": "What is the capital of Norway?"}]


async def ask(
    provider: LiteLLMProvider, way: str, messages: Sequence[Any] = USER, **options: Any
) -> str:
    """The answer's text, by any of the four ways."""
    if way == "generate":
        return await provider.generate(messages, **options)
    if way == "stream":
        return "".join([piece async for piece in provider.stream(messages, **options)])
    return (await complete(provider, way, messages, **options)).text


async def complete(
    provider: LiteLLMProvider, way: str, messages: Sequence[Any] = USER, **options: Any
) -> Completion:
    """The completion, plain or from the end of a stream."""
    if way == "complete":
        return await provider.complete(messages, **options)
    *_, last = await collect(provider, messages, **options)
    assert isinstance(last, StreamEnd)
    return last.completion


async def collect(
    provider: LiteLLMProvider, messages: Sequence[Any] = USER, **options: Any
) -> list[StreamEvent]:
    """All events of a stream."""
    return [event async for event in provider.stream_events(messages, **options)]


def chats(server: FakeServer) -> list[Request]:
    """The chat requests; with a window Ollama is asked besides for the one it has."""
    return [request for request in server.requests if request.endpoint == "chat"]


@dataclass
class Turn:
    """One message as the vendor got it."""

    role: str
    text: str = ""
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    results: list[Any] = field(default_factory=list)
    images: list[str] = field(default_factory=list)


@dataclass
class Seen:
    """A chat request in the field's words, read from the vendor's format."""

    system: str
    turns: list[Turn]
    temperature: float | None
    max_tokens: int | None
    top_p: float | None
    tools: list[str]
    schema: dict[str, Any] | None

    @property
    def text(self) -> str:
        return "\n".join(turn.text for turn in self.turns)


def seen(request: Request) -> Seen:
    """What the vendor understands of a request."""
    reader = {"anthropic": _anthropic, "gemini": _gemini, "ollama": _ollama}
    return reader.get(request.vendor, _openai)(request.json)


def _openai(body: dict[str, Any]) -> Seen:
    schema = (body.get("response_format") or {}).get("json_schema") or {}
    return Seen(
        *_chat(body["messages"]),
        temperature=body.get("temperature"),
        max_tokens=body.get("max_tokens", body.get("max_completion_tokens")),
        top_p=body.get("top_p"),
        tools=[tool["function"]["name"] for tool in body.get("tools", ())],
        schema=schema.get("schema"),
    )


def _ollama(body: dict[str, Any]) -> Seen:
    options = body["options"]
    form = body.get("format")
    return Seen(
        *_chat(body["messages"]),
        temperature=options.get("temperature"),
        max_tokens=options.get("num_predict"),
        top_p=options.get("top_p"),
        tools=[tool["function"]["name"] for tool in body.get("tools", ())],
        schema=form if isinstance(form, dict) else None,
    )


def _chat(messages: list[dict[str, Any]]) -> tuple[str, list[Turn]]:
    system, turns = "", []
    for place, message in enumerate(messages):
        content = message.get("content") or ""
        parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
        turn = Turn(message["role"], "".join(p["text"] for p in parts if p["type"] == "text"))
        turn.images = [p["image_url"]["url"] for p in parts if p["type"] == "image_url"]
        turn.images += message.get("images") or []
        for call in message.get("tool_calls") or ():
            arguments = call["function"]["arguments"]
            if isinstance(arguments, str):
                arguments = json.loads(arguments)
            turn.calls.append((call["function"]["name"], arguments))
        if turn.role == "system":
            assert place == 0, "the system prompt is not first"
            system = turn.text
        elif turn.role == "tool":
            turns.append(Turn("tool", results=[turn.text]))
        else:
            turns.append(turn)
    return system, turns


def _anthropic(body: dict[str, Any]) -> Seen:
    turns = []
    for message in body["messages"]:
        content = message["content"]
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
        turn = Turn(message["role"])
        for block in blocks:
            if block["type"] == "text":
                turn.text += block["text"]
            elif block["type"] == "tool_use":
                turn.calls.append((block["name"], block["input"]))
            elif block["type"] == "tool_result":
                turns.append(Turn("tool", results=[block["content"]]))
            else:
                turn.images.append(block["source"]["data"])
        if turn.text or turn.calls or turn.images:
            turns.append(turn)
    form = body.get("output_format") or (body.get("output_config") or {}).get("format") or {}
    return Seen(
        "".join(block["text"] for block in body.get("system", ())),
        turns,
        temperature=body.get("temperature"),
        max_tokens=body.get("max_tokens"),
        top_p=body.get("top_p"),
        tools=[tool["name"] for tool in body.get("tools", ())],
        schema=form.get("schema"),
    )


def _gemini(body: dict[str, Any]) -> Seen:
    turns = []
    for content in body["contents"]:
        turn = Turn("assistant" if content["role"] == "model" else "user")
        for part in content["parts"]:
            if "function_call" in part:
                call = part["function_call"]
                turn.calls.append((call["name"], call["args"]))
            elif "function_response" in part:
                response = part["function_response"]["response"]
                turns.append(Turn("tool", results=[response.get("content", response)]))
            elif "inline_data" in part:
                turn.images.append(part["inline_data"]["data"])
            else:
                turn.text += part["text"]
        if turn.text or turn.calls or turn.images:
            turns.append(turn)
    config = body.get("generationConfig") or {}
    system = body.get("system_instruction") or {"parts": []}
    declared = [d for tool in body.get("tools", ()) for d in tool["function_declarations"]]
    return Seen(
        "".join(part["text"] for part in system["parts"]),
        turns,
        temperature=config.get("temperature"),
        max_tokens=config.get("max_output_tokens"),
        top_p=config.get("top_p"),
        tools=[tool["name"] for tool in declared],
        schema=config.get("response_json_schema") or config.get("response_schema"),
    )
