"""Every line after a mark is a mistake that a type checker must find; never run."""

from __future__ import annotations

# fmt: off
# mistakes:
from bruno_llm import OpenAiProvider  # the name is OpenAIProvider
import bruno_llm.provders

# right:
import bruno_llm
from bruno_llm import (
    Budget, Cache, ClaudeProvider, Completion, ContextWindow, CostTracker, FallbackProvider,
    GeminiProvider, LiteLLMEmbedder, LiteLLMProvider, LLMFactory, ModelPrice, OllamaProvider,
    OpenAIProvider, RateLimit, Retry, Timeout, UnifiedProviderFactory, Usage,
)

llm = LiteLLMProvider("groq/x")
ask = [{"role": "user", "content": "Hello"}]


async def calls(completion: Completion) -> None:
    # mistakes:
    await llm.generate(ask, tempratur=3)
    await llm.complete(ask, tempratur=3)
    llm.stream(ask, tempratur=3)
    llm.stream_events(ask, tempratur=3)
    await llm.generate(ask, temperature="warm")
    await llm.complete(ask, max_tokens="many")
    await llm.complete(ask, tools={"type": "function"})
    await llm.complete(ask, stop=3)
    await llm.complete(ask, timeout="soon")
    await llm.complete(ask, None)
    await llm.generate("just text", top_p="x")
    for piece in llm.stream(ask): print(piece)
    await llm.complete(ask).text
    completion.txt
    completion.text = "other"
    print(completion.usage.prompt_tokens)
    print(completion.cost + 1)
    FallbackProvider(llm)
    await FallbackProvider([llm]).complete(ask, tempratur=3)
    await FallbackProvider([llm]).generate(ask, tempratur=3)
    llm.capabilites()
    LLMFactory.create("groq/x").complete(ask)
    LLMFactory.create("openai").costs.totl


# mistakes:
bruno_llm.Retri
bruno_llm.version
LiteLLMProvider("x", tempratur=3)
LiteLLMProvider("x", retry="often")
LiteLLMProvider(5)
OpenAIProvider(num_ctx=4096)
ClaudeProvider(api_version="2025-01-01")
GeminiProvider(api_kye="x")
OllamaProvider(num_ctx="many")
OllamaProvider(cache=[1])
LiteLLMEmbedder("x", dimensions="many")
Retry(5, attemps=3)
Retry(attempts="many")
RateLimit(on_store_failure="ignore")
CostTracker(buget=3)
Budget(3, period="week")
Cache(tll=3)
ContextWindow(strategy=3)
Timeout(reed=3)
ModelPrice("1", 2)
Usage("1", 2, 3)
UnifiedProviderFactory.create_embeding("openai")
