"""bruno_llm: every language model for bruno-core assistants, through LiteLLM."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bruno_llm._runtime.names import found_later
from bruno_llm._version import __version__

if TYPE_CHECKING:  # the same names once more, for those who read the code instead of running it
    from bruno_llm.capabilities import Capabilities
    from bruno_llm.completion import (
        Completion,
        ReasoningDelta,
        StreamEnd,
        StreamEvent,
        StreamRestart,
        TextDelta,
        ToolCall,
        ToolCallDelta,
        Trimmed,
        Usage,
    )
    from bruno_llm.config.settings import ProviderConfig
    from bruno_llm.costs.prices import ModelPrice
    from bruno_llm.costs.tracker import Budget, BudgetWarning, CostTracker
    from bruno_llm.embeddings.embedder import LiteLLMEmbedder
    from bruno_llm.embeddings.named import GeminiEmbedder, OllamaEmbedder, OpenAIEmbedder
    from bruno_llm.exceptions import (
        AllProvidersFailedError,
        AuthenticationError,
        BudgetExceededError,
        ConfigurationError,
        ContentFilterError,
        ContextLengthExceededError,
        EmptyResponseError,
        InvalidRequestError,
        LitellmChangedError,
        LLMError,
        ModelNotFoundError,
        PermissionDeniedError,
        ProviderConnectionError,
        QuotaExceededError,
        RateLimitError,
        RequestTimeoutError,
        ServiceUnavailableError,
        StreamError,
        StructuredOutputError,
        ToolLimitError,
        TransientError,
    )
    from bruno_llm.factory.factory import LLMFactory
    from bruno_llm.factory.unified import UnifiedProviderFactory
    from bruno_llm.fallback import FallbackProvider
    from bruno_llm.logs import log
    from bruno_llm.messages.chat import completion_message, file_message, image_message, tool_result
    from bruno_llm.policies.cache import Cache
    from bruno_llm.policies.retry import Retry
    from bruno_llm.policies.timeouts import Timeout
    from bruno_llm.policies.window import ContextWindow
    from bruno_llm.provider import LiteLLMProvider
    from bruno_llm.providers.claude import ClaudeProvider
    from bruno_llm.providers.gemini import GeminiProvider
    from bruno_llm.providers.mistral import MistralEmbedder, MistralProvider
    from bruno_llm.providers.ollama import OllamaProvider
    from bruno_llm.providers.openai import OpenAIProvider
    from bruno_llm.rate_limit.limit import RateLimit
    from bruno_llm.ready import preload
    from bruno_llm.structured.ask import Structured, complete_as, generate_as, stream_as
    from bruno_llm.tools.assistant import ToolAssistant
    from bruno_llm.tools.calling import ToolFinished, ToolStarted
    from bruno_llm.tools.definition import Tool, tool, tools_from_abilities
    from bruno_llm.tools.errors import ToolError
    from bruno_llm.tools.mcp import tools_from_mcp
    from bruno_llm.tools.provider import ToolProvider
    from bruno_llm.tools.run import (
        RunEnd,
        RunProgress,
        ToolRun,
        resume_tools,
        run_tools,
        stream_tools,
    )

# Where each public name lives; resolved at first use (PEP 562), so that importing the package is
# as cheap as importing bruno-core and never imports litellm.
_HOMES = {
    "bruno_llm.capabilities": ("Capabilities",),
    "bruno_llm.completion": (
        "Completion",
        "ReasoningDelta",
        "StreamEnd",
        "StreamEvent",
        "StreamRestart",
        "TextDelta",
        "ToolCall",
        "ToolCallDelta",
        "Trimmed",
        "Usage",
    ),
    "bruno_llm.config.settings": ("ProviderConfig",),
    "bruno_llm.costs.prices": ("ModelPrice",),
    "bruno_llm.costs.tracker": (
        "Budget",
        "BudgetWarning",
        "CostTracker",
    ),
    "bruno_llm.embeddings.embedder": ("LiteLLMEmbedder",),
    "bruno_llm.embeddings.named": (
        "GeminiEmbedder",
        "OllamaEmbedder",
        "OpenAIEmbedder",
    ),
    "bruno_llm.exceptions": (
        "AllProvidersFailedError",
        "AuthenticationError",
        "BudgetExceededError",
        "ConfigurationError",
        "ContentFilterError",
        "ContextLengthExceededError",
        "EmptyResponseError",
        "InvalidRequestError",
        "LLMError",
        "LitellmChangedError",
        "ModelNotFoundError",
        "PermissionDeniedError",
        "ProviderConnectionError",
        "QuotaExceededError",
        "RateLimitError",
        "RequestTimeoutError",
        "ServiceUnavailableError",
        "StreamError",
        "StructuredOutputError",
        "ToolLimitError",
        "TransientError",
    ),
    "bruno_llm.factory.factory": ("LLMFactory",),
    "bruno_llm.factory.unified": ("UnifiedProviderFactory",),
    "bruno_llm.fallback": ("FallbackProvider",),
    "bruno_llm.logs": ("log",),
    "bruno_llm.messages.chat": (
        "completion_message",
        "file_message",
        "image_message",
        "tool_result",
    ),
    "bruno_llm.policies.cache": ("Cache",),
    "bruno_llm.policies.retry": ("Retry",),
    "bruno_llm.policies.timeouts": ("Timeout",),
    "bruno_llm.policies.window": ("ContextWindow",),
    "bruno_llm.provider": ("LiteLLMProvider",),
    "bruno_llm.providers.claude": ("ClaudeProvider",),
    "bruno_llm.providers.gemini": ("GeminiProvider",),
    "bruno_llm.providers.mistral": (
        "MistralEmbedder",
        "MistralProvider",
    ),
    "bruno_llm.providers.ollama": ("OllamaProvider",),
    "bruno_llm.providers.openai": ("OpenAIProvider",),
    "bruno_llm.rate_limit.limit": ("RateLimit",),
    "bruno_llm.ready": ("preload",),
    "bruno_llm.structured.ask": (
        "Structured",
        "complete_as",
        "generate_as",
        "stream_as",
    ),
    "bruno_llm.tools.assistant": ("ToolAssistant",),
    "bruno_llm.tools.calling": (
        "ToolFinished",
        "ToolStarted",
    ),
    "bruno_llm.tools.definition": (
        "Tool",
        "tool",
        "tools_from_abilities",
    ),
    "bruno_llm.tools.errors": ("ToolError",),
    "bruno_llm.tools.mcp": ("tools_from_mcp",),
    "bruno_llm.tools.provider": ("ToolProvider",),
    "bruno_llm.tools.run": (
        "RunEnd",
        "RunProgress",
        "ToolRun",
        "resume_tools",
        "run_tools",
        "stream_tools",
    ),
}


__all__ = [  # written out: type checkers do not compute it
    "AllProvidersFailedError",
    "AuthenticationError",
    "Budget",
    "BudgetExceededError",
    "BudgetWarning",
    "Cache",
    "Capabilities",
    "ClaudeProvider",
    "Completion",
    "ConfigurationError",
    "ContentFilterError",
    "ContextLengthExceededError",
    "ContextWindow",
    "CostTracker",
    "EmptyResponseError",
    "FallbackProvider",
    "GeminiEmbedder",
    "GeminiProvider",
    "InvalidRequestError",
    "LLMError",
    "LLMFactory",
    "LiteLLMEmbedder",
    "LiteLLMProvider",
    "LitellmChangedError",
    "MistralEmbedder",
    "MistralProvider",
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
    "RunEnd",
    "RunProgress",
    "ServiceUnavailableError",
    "StreamEnd",
    "StreamError",
    "StreamEvent",
    "StreamRestart",
    "Structured",
    "StructuredOutputError",
    "TextDelta",
    "Timeout",
    "Tool",
    "ToolAssistant",
    "ToolCall",
    "ToolCallDelta",
    "ToolError",
    "ToolFinished",
    "ToolLimitError",
    "ToolProvider",
    "ToolRun",
    "ToolStarted",
    "TransientError",
    "Trimmed",
    "UnifiedProviderFactory",
    "Usage",
    "__version__",
    "complete_as",
    "completion_message",
    "file_message",
    "generate_as",
    "image_message",
    "log",
    "preload",
    "resume_tools",
    "run_tools",
    "stream_as",
    "stream_tools",
    "tool",
    "tool_result",
    "tools_from_abilities",
    "tools_from_mcp",
]

if not TYPE_CHECKING:  # a checker would take every wrong name for one that this gives
    __getattr__ = found_later(__name__, _HOMES)


def __dir__() -> list[str]:
    return list(__all__)
