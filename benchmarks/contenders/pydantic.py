"""pydantic-ai, a request to a model without an agent around it."""

from typing import Any

from openai import AsyncOpenAI
from pydantic_ai.direct import model_request, model_request_stream
from pydantic_ai.messages import (
    ModelRequest,
    ModelResponse,
    PartDeltaEvent,
    PartStartEvent,
    SystemPromptPart,
    TextPart,
    TextPartDelta,
    UserPromptPart,
)
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.providers.openai import OpenAIProvider


def _said(message: Any) -> Any:
    if message["role"] == "assistant":
        return ModelResponse(parts=[TextPart(message["content"])])
    kind = SystemPromptPart if message["role"] == "system" else UserPromptPart
    return ModelRequest(parts=[kind(message["content"])])


class Contender:
    def __init__(self, url: str) -> None:
        client = AsyncOpenAI(api_key="benchmark-key", base_url=f"{url}/v1", max_retries=0)
        provider = OpenAIProvider(openai_client=client)
        self._models = {
            "openai": OpenAIChatModel("gpt-4o-mini", provider=provider),
            "responses": OpenAIResponsesModel("gpt-5", provider=provider),
        }

    async def call(self, messages: Any, timeout: float | None = None) -> Any:
        answer = await model_request(
            self._models["openai"],
            [_said(message) for message in messages],
            model_settings={"timeout": timeout or 600},
        )
        return answer.text

    async def stream(self, wire: str, messages: Any) -> Any:
        said = [_said(message) for message in messages]
        async with model_request_stream(self._models[wire], said) as events:
            async for event in events:
                if isinstance(event, PartDeltaEvent) and isinstance(event.delta, TextPartDelta):
                    yield event.delta.content_delta
                elif isinstance(event, PartStartEvent) and isinstance(event.part, TextPart):
                    yield event.part.content

    async def close(self) -> None:
        pass
