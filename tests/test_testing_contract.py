"""The contract: our providers keep it, and each way to break it is noticed."""

from __future__ import annotations

import itertools
from collections.abc import AsyncGenerator, Callable
from typing import Any

import pytest
from bruno_core.interfaces.llm import LLMInterface

from bruno_llm.testing import CONTRACT, FakeServer, MockProvider, Reply, check_provider
from tests.contract.matrix import CLAUDE, GEMINI, OLLAMA, OPENAI, Case

Make = Callable[[], LLMInterface]
each_check = pytest.mark.parametrize("check", CONTRACT, ids=lambda check: check.__name__)


@pytest.mark.covering(1)
@each_check
@pytest.mark.parametrize("case", [OPENAI, CLAUDE, GEMINI, OLLAMA], ids=str)
async def test_the_named_providers_keep_the_contract(
    case: Case, check: Any, server: FakeServer, no_keys: None
) -> None:
    server.default = Reply("Oslo is the capital.")
    await check(lambda: case.provider(server))


async def test_the_mock_keeps_the_contract() -> None:
    await check_provider(lambda: MockProvider(default="Oslo is the capital."))


class Good(MockProvider):
    """Keeps the contract; the classes below break it in one place each."""

    def __init__(self) -> None:
        super().__init__(default="Oslo is the capital.")


class TakesNoOptions(Good):
    async def generate(self, messages: Any) -> str:  # type: ignore[override]
        return await super().generate(messages)


class NeedsAnArgument(Good):
    def __init__(self, key: str) -> None:
        super().__init__()


class SaysNothing(Good):
    async def generate(self, messages: Any, *args: Any, **kwargs: Any) -> str:
        return ""


class SaysNone(Good):
    async def generate(self, messages: Any, *args: Any, **kwargs: Any) -> Any:
        return None


class ChangesTheMessages(Good):
    async def generate(self, messages: Any, *args: Any, **kwargs: Any) -> str:
        messages.pop(0)
        return await super().generate(messages, *args, **kwargs)


class StreamsSomethingElse(Good):
    async def stream(self, messages: Any, *args: Any, **kwargs: Any) -> AsyncGenerator[str, None]:
        yield "Bergen"


class StreamsBytes(Good):
    async def stream(self, messages: Any, *args: Any, **kwargs: Any) -> Any:
        yield b"Oslo"


class StreamsFromACoroutine(Good):
    async def stream(self, messages: Any, *args: Any, **kwargs: Any) -> Any:
        return super().stream(messages, *args, **kwargs)


class MixesItsCallsUp(Good):
    def __init__(self) -> None:
        super().__init__()
        numbers = itertools.count()
        self._default = lambda call: f"answer {next(numbers)}"


class ForgetsTheSystemPrompt(Good):
    def get_system_prompt(self) -> None:
        return None


class CountsNothing(Good):
    def get_token_count(self, text: str) -> int:
        return 0


class CountsParts(Good):
    def get_token_count(self, text: str) -> Any:
        return len(text) / 4


class ListsATuple(Good):
    async def list_models(self) -> Any:
        return ("m",)


class TellsNoModel(Good):
    def get_model_info(self) -> dict[str, Any]:
        return {}


class RaisesSomethingElse(Good):
    async def generate(self, messages: Any, *args: Any, **kwargs: Any) -> str:
        if not messages:
            raise ValueError("no messages")
        return await super().generate(messages, *args, **kwargs)


class AnswersToNothing(Good):
    async def stream(self, messages: Any, *args: Any, **kwargs: Any) -> AsyncGenerator[str, None]:
        yield "Oslo is the capital."


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (TakesNoOptions, "check_signatures: generate() must take messages, temperature"),
        (lambda: NeedsAnArgument("k"), "check_no_arguments: NeedsAnArgument() must work"),
        (SaysNothing, "check_generate: generate() gave no text"),
        (SaysNone, "check_generate: generate() gave NoneType, not str"),
        (ChangesTheMessages, "check_generate: generate() changed the messages"),
        (StreamsSomethingElse, "check_stream: stream() gave 'Bergen', generate() gave 'Oslo"),
        (StreamsBytes, "check_stream: a piece of stream() is no str"),
        (StreamsFromACoroutine, "check_stream: stream() is a coroutine"),
        (MixesItsCallsUp, "check_many_at_once: calls at the same time gave different texts"),
        (ForgetsTheSystemPrompt, "check_system_prompt: get_system_prompt() gave None"),
        (CountsNothing, "check_token_count: 0 tokens for a word"),
        (CountsParts, "check_token_count: get_token_count() gave float, not int"),
        (ListsATuple, "check_information: list_models() gave ('m',)"),
        (TellsNoModel, "check_information: get_model_info() does not tell the model"),
        (RaisesSomethingElse, "check_errors: generate() of no messages raised ValueError"),
        (AnswersToNothing, "check_errors: stream() of no messages must raise an LLMError"),
    ],
)
@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")
async def test_a_broken_provider_is_told_what_is_wrong(make: Make, complaint: str) -> None:
    with pytest.raises(AssertionError) as caught:
        await check_provider(make)
    assert complaint in str(caught.value)


async def test_every_complaint_is_made() -> None:
    class Broken(Good):
        def get_token_count(self, text: str) -> int:
            return 0

        def get_model_info(self) -> dict[str, Any]:
            return {}

    with pytest.raises(AssertionError) as caught:
        await check_provider(Broken)
    assert [line.partition(":")[0] for line in str(caught.value).splitlines()] == [
        "the provider breaks the contract",
        "check_token_count",
        "check_information",
    ]
