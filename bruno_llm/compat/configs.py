"""0.2.0's settings of its four providers. ``bruno_llm.ProviderConfig`` holds today's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, SecretStr

__all__ = [
    "OllamaConfig",
    "OllamaEmbeddingConfig",
    "OpenAIConfig",
    "OpenAIEmbeddingConfig",
    "config_of",
]

_OLLAMA = "http://localhost:11434"
_OPENAI = "https://api.openai.com/v1"


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True)

    timeout: float = Field(default=30.0, ge=0.0, description="Seconds")


class _ChatConfig(_Settings):
    temperature: float = Field(default=0.7, ge=0.0, le=2.0)
    stop: list[str] | None = None


class OllamaConfig(_ChatConfig):
    """A chat model of Ollama."""

    base_url: str = _OLLAMA
    model: str = "llama2"
    top_p: float = Field(default=0.9, ge=0.0, le=1.0)
    top_k: int = Field(default=40, ge=0)
    num_predict: int | None = Field(default=None, ge=1, description="Longest answer, in tokens")


class OllamaEmbeddingConfig(_Settings):
    """An embedding model of Ollama."""

    base_url: str = _OLLAMA
    model: str = "nomic-embed-text"
    batch_size: int = Field(default=32, ge=1, le=128, description="Texts in one request")


class OpenAIConfig(_ChatConfig):
    """A chat model of OpenAI."""

    api_key: SecretStr
    model: str = "gpt-4"
    organization: str | None = None
    base_url: str = _OPENAI
    max_retries: int = Field(default=3, ge=0)
    top_p: float = Field(default=1.0, ge=0.0, le=1.0)
    max_tokens: int | None = Field(default=None, ge=1, description="Longest answer")
    presence_penalty: float = Field(default=0.0, ge=-2.0, le=2.0)
    frequency_penalty: float = Field(default=0.0, ge=-2.0, le=2.0)


class OpenAIEmbeddingConfig(_Settings):
    """An embedding model of OpenAI."""

    api_key: SecretStr
    model: str = "text-embedding-ada-002"
    organization: str | None = None
    base_url: str = _OPENAI
    dimensions: int | None = Field(default=None, ge=1, le=4096)
    batch_size: int = Field(default=100, ge=1, le=2048, description="Texts in one request")
    max_retries: int = Field(default=3, ge=0)


_CONFIGS: Mapping[str, type[_ChatConfig]] = {"ollama": OllamaConfig, "openai": OpenAIConfig}


def config_of(provider: Any) -> OllamaConfig | OpenAIConfig:
    """What ``provider.config`` was: the settings of a provider of Ollama or OpenAI.

    What the provider does not set has 0.2.0's default here, though the vendor's is what holds.

    Raises:
        AttributeError: Another provider; 0.2.0 had none.
    """
    config = _CONFIGS.get(provider.name)
    if config is None:
        raise AttributeError(f"{type(provider).__name__} has no config; see get_model_info()")
    retries = {} if provider.retry is None else {"max_retries": provider.retry.attempts - 1}
    found = {
        **provider.params,
        **retries,
        "api_key": provider._api_key or SecretStr(""),
        "base_url": provider.base_url,
        "model": provider.model,
        "timeout": provider.timeout.read,
        "temperature": provider.temperature,
        "max_tokens": provider.max_tokens,
        "num_predict": provider.max_tokens,
    }
    known = {k: v for k, v in found.items() if k in config.model_fields and v is not None}
    return config(**known)  # type: ignore[return-value]  # one of the two
