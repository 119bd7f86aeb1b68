"""Vertex AI: the formats are Gemini's and Anthropic's, the sign-in is Google's."""

from __future__ import annotations

import json

import pytest

from bruno_llm import Completion, LiteLLMProvider, StreamEnd, completion_message
from bruno_llm.testing import FakeServer, Reply, Text, Thinking
from tests.google_account import TOKEN, google_account

pytestmark = pytest.mark.usefixtures("no_keys")

pytest.importorskip("google.auth", reason="not installed: pip install 'bruno-llm[dev]'")

ASK = [{"role": "user", "content": "What is the capital of Norway?"}]
MODELS = {
    "gemini-2.5-flash": ("google", "generateContent", "streamGenerateContent"),
    "claude-sonnet-4-5": ("anthropic", "rawPredict", "streamRawPredict"),
}


async def streamed(provider: LiteLLMProvider) -> Completion:
    *_, last = [event async for event in provider.stream_events(ASK)]
    assert isinstance(last, StreamEnd)
    return last.completion


@pytest.mark.parametrize("model", MODELS)
async def test_a_signed_in_conversation(model: str, server: FakeServer) -> None:
    """Turns go back whole, with their signatures."""
    publisher, *verbs = MODELS[model]
    server.default = Reply(parts=[Thinking("A capital."), Text("Oslo", signed=True)])
    with google_account() as account:
        provider = LiteLLMProvider(f"vertex_ai/{model}", base_url=server.url, retry=None, **account)
        for completion in (await provider.complete(ASK), await streamed(provider)):
            assert (completion.text, completion.reasoning) == ("Oslo", "A capital.")
            assert completion.native is not None
            turn = completion_message(completion)
            await provider.generate([*ASK, turn, {"role": "user", "content": "And of Sweden?"}])
            sent = json.dumps(server.requests[-1].json)
            assert all(json.dumps(item) in sent for item in completion.native["items"])
    place = f"/v1/projects/some-project/locations/us-central1/publishers/{publisher}/models/{model}"
    plain, stream = (f"{place}:{verb}" for verb in verbs)
    assert sorted(request.path for request in server.requests) == sorted([plain] * 3 + [stream])
    tokens = {request.headers["authorization"] for request in server.requests}
    assert tokens == {f"Bearer {TOKEN}"}
