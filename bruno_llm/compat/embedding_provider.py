"""0.2.0's embedders, with their arguments and defaults, over today's."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from pydantic import SecretStr
from typing_extensions import Self

from bruno_llm.compat.embedding_interface import VectorTools
from bruno_llm.embeddings.named import OllamaEmbedder, OpenAIEmbedder
from bruno_llm.policies.retry import Retry
from bruno_llm.redaction import keeps_secrets

__all__ = ["OllamaEmbeddingProvider", "OpenAIEmbeddingProvider"]


class OpenAIEmbeddingProvider(VectorTools, OpenAIEmbedder):
    """OpenAI's embeddings; the default model is 0.2.0's, because kept vectors were made by it.

    Args:
        api_key: The key; else ``OPENAI_API_KEY`` is asked at each call.
        model: The model's name.
        organization: Sent as the header ``OpenAI-Organization``.
        dimensions: As for ``OpenAIEmbedder``.
        batch_size: Texts in one request.
        timeout: Seconds.
        max_retries: Tries after the first one.
        kwargs: As for ``OpenAIEmbedder``.
    """

    @keeps_secrets
    def __init__(
        self,
        api_key: str | SecretStr | None = None,
        model: str = "text-embedding-ada-002",
        organization: str | None = None,
        dimensions: int | None = None,
        batch_size: int = 100,
        timeout: float = 30.0,
        max_retries: int = 3,
        **kwargs: Any,
    ) -> None:
        if organization:
            headers: Mapping[str, str] = kwargs.get("extra_headers") or {}
            kwargs["extra_headers"] = {"OpenAI-Organization": organization, **headers}
        self.organization = organization
        super().__init__(
            model,
            api_key=api_key,
            dimensions=dimensions,
            batch_size=batch_size,
            timeout=timeout,
            retry=Retry(attempts=max_retries + 1),
            **kwargs,
        )

    @classmethod
    def from_env(cls, **kwargs: Any) -> Self:
        """By ``OPENAI_API_KEY``, ``OPENAI_EMBEDDING_MODEL`` and ``OPENAI_ORG_ID``."""
        names = {"model": "OPENAI_EMBEDDING_MODEL", "organization": "OPENAI_ORG_ID"}
        return cls(**{**_set(names), **kwargs})


class OllamaEmbeddingProvider(VectorTools, OllamaEmbedder):
    """Ollama's embeddings.

    Args:
        base_url: The server; else what ``OllamaEmbedder`` finds.
        model: The model's name.
        timeout: Seconds.
        batch_size: Texts in one request.
        kwargs: As for ``OllamaEmbedder``.
    """

    @keeps_secrets
    def __init__(
        self,
        base_url: str | None = None,
        model: str = "nomic-embed-text",
        timeout: float = 30.0,
        batch_size: int = 32,
        **kwargs: Any,
    ) -> None:
        super().__init__(model, base_url=base_url, timeout=timeout, batch_size=batch_size, **kwargs)

    @classmethod
    def from_env(cls, **kwargs: Any) -> Self:
        """By ``OLLAMA_BASE_URL`` and ``OLLAMA_EMBEDDING_MODEL``."""
        names = {"base_url": "OLLAMA_BASE_URL", "model": "OLLAMA_EMBEDDING_MODEL"}
        return cls(**{**_set(names), **kwargs})


def _set(names: Mapping[str, str]) -> dict[str, str]:
    """The arguments whose variable is set."""
    return {name: os.environ[var] for name, var in names.items() if os.environ.get(var)}
