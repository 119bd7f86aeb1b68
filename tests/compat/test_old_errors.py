"""The errors of bruno-llm 0.2.0, by their names and with their arguments."""

from __future__ import annotations

import copy
import pickle

import pytest

import bruno_llm
from bruno_llm import (
    OpenAIProvider,
)
from bruno_llm.testing import FakeServer, Fault
from tests.compat.former import HELLO, OLD, old

pytestmark = pytest.mark.usefixtures("no_keys")


def test_the_errors_take_the_arguments_they_took() -> None:
    too_long = bruno_llm.ContextLengthExceededError("long", "openai", None, 4096, 5000)
    assert (too_long.max_tokens, too_long.actual_tokens) == (4096, 5000)
    named = bruno_llm.ContextLengthExceededError("long", max_tokens=1, model="m", status_code=400)
    assert (named.max_tokens, named.actual_tokens, named.status_code) == (1, None, 400)
    assert bruno_llm.RateLimitError("slow", "openai", None, 60).retry_after == 60
    late = bruno_llm.RequestTimeoutError("late", provider="openai", timeout=30)
    assert late.timeout == 30
    for error in (too_long, late):
        for twin in (copy.copy(error), pickle.loads(pickle.dumps(error))):
            assert vars(twin) == vars(error)
    assert str(late) == "[openai] late"


@pytest.mark.filterwarnings(OLD)
async def test_the_old_names_of_errors_catch_what_the_providers_raise(server: FakeServer) -> None:
    llm = OpenAIProvider("gpt-5.4", api_key="k", base_url=server.base_url("openai"), retry=None)
    server.script(Fault.status(504), Fault.status(500))
    with pytest.raises(old("bruno_llm.exceptions", "TimeoutError")):
        await llm.generate(HELLO)
    with pytest.raises(old("bruno_llm.exceptions", "InvalidResponseError")):
        async for _ in llm.stream(HELLO):
            pass
    with pytest.raises(old("bruno_llm.exceptions", "ProviderNotFoundError"), match="not found"):
        bruno_llm.LLMFactory.create("nobody")
