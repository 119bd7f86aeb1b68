"""The public surface: a change of it is a decision, so it is written down here."""

from __future__ import annotations

import importlib
import pkgutil

import pytest

import bruno_llm

NAMES = [
    "AllProvidersFailedError",
    "Budget",
    "BudgetExceededError",
    "BudgetWarning",
    "UnifiedProviderFactory",
    "Cache",
    "Capabilities",
    "ClaudeProvider",
    "Completion",
    "ConfigurationError",
    "ContentFilterError",
    "ContextLengthExceededError",
    "ContextWindow",
    "CostTracker",
    "AuthenticationError",
    "EmptyResponseError",
    "FallbackProvider",
    "GeminiEmbedder",
    "GeminiProvider",
    "MistralEmbedder",
    "MistralProvider",
    "InvalidRequestError",
    "LLMError",
    "LLMFactory",
    "LitellmChangedError",
    "LiteLLMEmbedder",
    "LiteLLMProvider",
    "ModelNotFoundError",
    "ModelPrice",
    "OllamaEmbedder",
    "OllamaProvider",
    "OpenAIEmbedder",
    "OpenAIProvider",
    "PermissionDeniedError",
    "ProviderConfig",
    "ProviderConnectionError",
    "QuotaExceededError",
    "RateLimit",
    "RateLimitError",
    "ReasoningDelta",
    "RequestTimeoutError",
    "Retry",
    "ServiceUnavailableError",
    "StreamEnd",
    "StreamError",
    "StreamEvent",
    "StreamRestart",
    "StructuredOutputError",
    "TextDelta",
    "Timeout",
    "ToolCall",
    "ToolCallDelta",
    "TransientError",
    "Trimmed",
    "Usage",
    "RunEnd",
    "RunProgress",
    "Tool",
    "ToolError",
    "ToolFinished",
    "ToolLimitError",
    "ToolProvider",
    "ToolRun",
    "ToolStarted",
    "resume_tools",
    "run_tools",
    "stream_tools",
    "tool",
    "completion_message",
    "file_message",
    "image_message",
    "tool_result",
    "ToolAssistant",
    "tools_from_abilities",
    "Structured",
    "complete_as",
    "generate_as",
    "stream_as",
    "tools_from_mcp",
    "log",
    "preload",
    "__version__",
]


def test_the_names_of_the_package() -> None:
    missing = set(NAMES) - set(bruno_llm.__all__)
    assert missing == set()
    assert set(bruno_llm.__all__) - set(NAMES) == set(), "a new public name: add it here"
    assert set(dir(bruno_llm)) >= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_each_can_be_had(name: str) -> None:
    value = getattr(bruno_llm, name)
    if isinstance(value, type) and issubclass(value, bruno_llm.LLMError):
        assert value.__module__ == "bruno_llm.exceptions"


def test_another_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'OpenAIProvidr'"):
        _ = bruno_llm.OpenAIProvidr


# The names of 0.2.0 that its old modules still give.
@pytest.mark.filterwarnings("ignore:.* is of bruno-llm 0.2.0:DeprecationWarning")
def test_every_module_that_lists_its_names_has_them() -> None:
    for module in pkgutil.walk_packages(bruno_llm.__path__, "bruno_llm."):
        short = module.name.removeprefix("bruno_llm.")
        if short.startswith(("testing.cassettes._vcr", "testing.pytest_plugin", "demo._")):
            continue  # need an optional package, or run by themselves
        loaded = importlib.import_module(module.name)
        for name in getattr(loaded, "__all__", ()):
            assert hasattr(loaded, name), f"{module.name} has no {name}"
