"""The embedders of single vendors: their limits, and two that are asked without litellm."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from bruno_llm.embeddings.batch import Batch
from bruno_llm.embeddings.embedder import LiteLLMEmbedder
from bruno_llm.embeddings.vectors import Vectors, field
from bruno_llm.options.params import present
from bruno_llm.vendors.registry import GEMINI, OLLAMA, OPENAI
from bruno_llm.wire.exchange import Exchange
from bruno_llm.wire.sealed import stand_in

__all__ = ["GeminiEmbedder", "OllamaEmbedder", "OpenAIEmbedder"]


class OpenAIEmbedder(LiteLLMEmbedder):
    """OpenAI's embeddings, and those of servers in its format (``base_url=``)."""

    name = "openai"
    default_model = "text-embedding-3-small"
    vendor = OPENAI
    # OpenAI API reference, "Create embeddings": at most 2048 texts and 300,000 tokens a request.
    max_batch_size = 2048
    max_batch_tokens = 300_000
    dimensions_of: ClassVar[Mapping[str, int]] = {
        "text-embedding-3-small": 1536,
        "text-embedding-3-large": 3072,
        "text-embedding-ada-002": 1536,
    }


class GeminiEmbedder(LiteLLMEmbedder):
    """Google's embeddings, by the API of AI Studio."""

    name = "gemini"
    prefixes = ("models/",)
    default_model = "gemini-embedding-001"
    vendor = GEMINI
    max_batch_size = 100  # Gemini API reference, "batchEmbedContents"
    dimensions_of: ClassVar[Mapping[str, int]] = {"gemini-embedding-001": 3072}

    async def _ask(self, call: Batch, exchange: Exchange) -> Any:
        """Google's own ``batchEmbedContents``, asked without litellm.

        ``litellm.aembedding`` (1.105 to 1.109) drops the client it is given here: it shares one
        among all event loops, sends a request again on its own, and loses the error's status.
        """
        model = f"models/{self.model}"
        request = present(
            {
                "model": model,
                "outputDimensionality": self._dimensions,
                "taskType": self._params.get("input_type"),
            }
        )
        texts = [{**request, "content": {"parts": [{"text": text}]}} for text in call.texts]
        base = call.base_url or "https://generativelanguage.googleapis.com/v1beta"
        headers = {"x-goog-api-key": stand_in(call.api_key)} if call.api_key else {}
        payload = await self._post(
            call, exchange, f"{base}/{model}:batchEmbedContents", {"requests": texts}, headers
        )
        used = _tokens((payload.get("usageMetadata") or {}).get("promptTokenCount"))
        data = [{"embedding": field(item, "values")} for item in payload["embeddings"]]
        return Vectors(data, {"prompt_tokens": used, "total_tokens": used}, self.model)


class OllamaEmbedder(LiteLLMEmbedder):
    """Embeddings of a model on this machine or in this network."""

    name = "ollama"
    prefix = "ollama/"
    prefixes = ("ollama_chat/",)
    default_model = "nomic-embed-text"
    vendor = OLLAMA
    max_batch_size = 256
    dimensions_of: ClassVar[Mapping[str, int]] = {
        "nomic-embed-text": 768,
        "mxbai-embed-large": 1024,
        "all-minilm": 384,
    }

    async def _ask(self, call: Batch, exchange: Exchange) -> Any:
        """Ollama's own ``/api/embed``, asked without litellm.

        ``litellm.aembedding`` (1.105 to 1.109) asks it with one module-level client for all event
        loops, and passes on neither the timeout nor the key.
        """
        body = {"model": self.model, "input": list(call.texts), "dimensions": self._dimensions}
        headers = {"Authorization": f"Bearer {stand_in(call.api_key)}"} if call.api_key else {}
        payload = await self._post(
            call, exchange, f"{call.base_url}/api/embed", present(body), headers
        )
        used = _tokens(payload.get("prompt_eval_count"))
        data = [{"embedding": vector} for vector in payload["embeddings"]]
        usage = {"prompt_tokens": used, "total_tokens": used}
        return Vectors(data, usage, str(payload.get("model") or self.model))


def _tokens(count: Any) -> int:
    return count if type(count) is int and count > 0 else 0
