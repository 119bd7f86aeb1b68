"""A model's display name is refused at once, with the name that the vendor takes."""

from __future__ import annotations

import pytest

from bruno_llm import (
    ClaudeProvider,
    ConfigurationError,
    GeminiProvider,
    LiteLLMProvider,
    LLMFactory,
    OllamaProvider,
    OpenAIProvider,
)

NAMES = [
    (ClaudeProvider, "Claude Sonnet 4.5", "claude-sonnet-4-5"),
    (OpenAIProvider, "GPT-4o mini", "gpt-4o-mini"),
    (GeminiProvider, "Gemini 2.5 Flash", "gemini-2.5-flash"),
]


@pytest.mark.parametrize(("cls", "shown", "model"), NAMES)
def test_it_names_the_model(cls: type[LiteLLMProvider], shown: str, model: str) -> None:
    with pytest.raises(ConfigurationError, match=f"is a display name; the model is '{model}'"):
        cls(shown)
    with pytest.raises(ConfigurationError, match=model):
        LLMFactory.create(cls.name, {"model": shown})


def test_what_is_near_no_model_is_left_alone() -> None:
    """A server of one's own may call its models as it likes."""
    assert OpenAIProvider("my own model").model == "my own model"
    assert OllamaProvider("Qwen 3").model == "Qwen 3"
