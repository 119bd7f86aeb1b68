"""What a call may carry, written once: editors and type checkers read it, and so does the check.

Each class names options and their types. A provider's methods take :class:`CallOptions` by
``Unpack``, so ``tempratur=3`` is a type error and an editor lists what there is; the sets of names
in :mod:`bruno_llm.options.params`, by which a wrong name is refused at run time, are made from the
same classes. ``None`` for an option is the same as leaving it out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from typing_extensions import TypedDict  # pydantic reads typing's own only from Python 3.12 on

from bruno_llm.options.limits import (
    Count,
    CountOrZero,
    HeaderName,
    HeaderText,
    Label,
    Penalty,
    ShareOrZero,
    Temperature,
    Wait,
)

if TYPE_CHECKING:
    from pydantic import BaseModel

    from bruno_llm.policies.timeouts import Timeout
    from bruno_llm.tools.definition import Tool

__all__ = [
    "AnswerOptions",
    "CallOptions",
    "ChatOptions",
    "ClaudeOptions",
    "EmbeddingOptions",
    "Features",
    "GeminiOptions",
    "MistralOptions",
    "NamedOptions",
    "OllamaOptions",
    "OnlyOnCalls",
    "OpenAIOptions",
    "ProviderOptions",
    "ResponsesOptions",
    "RouteOptions",
    "Tuning",
    "names_of",
]


class Tuning(TypedDict, total=False):
    """A model that lacks one still gives a good answer, so it is dropped with a warning.

    Attributes:
        top_p: Share of the likeliest tokens that are drawn from, 0 to 1.
        n: Answers to make; the first one is the completion.
        seed: Draw the same way again, as far as the vendor can.
        stop: Texts that end the answer and are not part of it.
        presence_penalty: Against words that were used at all, -2 to 2.
        frequency_penalty: Against words that were used often, -2 to 2.
        logit_bias: Token id -> what is added to its score, -100 to 100.
        logprobs: Also give the probabilities of the tokens.
        top_logprobs: Of how many of the likeliest tokens.
        user: Who asks, for the vendor's watch over misuse.
        parallel_tool_calls: Whether one answer may call several tools.
        reasoning_effort: How long to think: ``"low"``, ``"medium"``, ``"high"`` and what else
            the model knows.
        verbosity: How much to say: ``"low"``, ``"medium"``, ``"high"``.
        safety_identifier: Like ``user``, as a hash.
        prompt_cache_key: Which prompts share the vendor's cache.
        prompt_cache_retention: How long it keeps them: ``"in_memory"`` or ``"24h"``.
        service_tier: Such as ``"flex"`` or ``"priority"``.
        store: Whether the vendor keeps the conversation.
        metadata: Notes of one's own that it keeps with it, at most 16.
    """

    top_p: ShareOrZero | None
    n: int | None
    seed: int | None
    stop: str | Sequence[str] | None
    presence_penalty: Penalty | None
    frequency_penalty: Penalty | None
    logit_bias: Mapping[str, float] | None
    logprobs: bool | None
    top_logprobs: CountOrZero | None
    user: str | None
    parallel_tool_calls: bool | None
    reasoning_effort: str | Mapping[str, Any] | None
    verbosity: str | None
    safety_identifier: str | None
    prompt_cache_key: str | None
    prompt_cache_retention: str | None
    service_tier: str | None
    store: bool | None
    metadata: Mapping[str, str] | None


class Features(TypedDict, total=False):
    """What the answer depends on: a model that lacks one is an error before the request.

    Attributes:
        tools: ``Tool``s, functions, or OpenAI-shaped dicts
            (``{"type": "function", "function": {"name": ..., ...}}``).
        tool_choice: ``"auto"``, ``"none"``, ``"required"``, or one function.
        functions: The form that came before ``tools``.
        function_call: The form that came before ``tool_choice``.
        response_format: ``{"type": "json_object"}``, a JSON schema in OpenAI's form, or a
            pydantic class.
        modalities: Such as ``["text", "audio"]``.
        audio: Voice and format of spoken answers.
        prediction: A text that the answer will mostly repeat.
        thinking: Anthropic's form of ``reasoning_effort``, with a budget in tokens.
        web_search_options: Search of the vendor's own.
    """

    tools: Sequence[Tool | Callable[..., Any] | Mapping[str, Any]] | None
    tool_choice: str | Mapping[str, Any] | None
    functions: Sequence[Mapping[str, Any]] | None
    function_call: str | Mapping[str, Any] | None
    response_format: Mapping[str, Any] | type[BaseModel] | None
    modalities: Sequence[str] | None
    audio: Mapping[str, Any] | None
    prediction: Mapping[str, Any] | None
    thinking: Mapping[str, Any] | None
    web_search_options: Mapping[str, Any] | None


class ChatOptions(Tuning, Features, total=False):
    """Options of every provider (litellm 1.105 to 1.109, ``main.py``, ``acompletion``).

    Attributes:
        max_completion_tokens: The newer name of ``max_tokens``.
        extra_headers: Sent with the request.
        extra_body: Fields of the vendor that have no name here, sent as they are.
    """

    max_completion_tokens: Count | None
    extra_headers: Mapping[HeaderName, HeaderText] | None
    extra_body: Mapping[str, Any] | None


class ResponsesOptions(TypedDict, total=False):
    """What OpenAI's responses endpoint takes besides.

    Attributes:
        api: ``"chat"``, ``"responses"``, or ``"auto"``: what the model needs on OpenAI's own
            address, and chat completions elsewhere.
        conversation: One that OpenAI keeps.
        include: What else the answer is to hold; its encrypted reasoning always is.
        max_tool_calls: Most calls of OpenAI's own tools.
        previous_response_id: The answer, kept by OpenAI, that this one follows.
        prompt: A prompt template that OpenAI keeps; a text is in place of the messages.
        reasoning: ``effort`` and ``summary``.
        text: ``format`` and ``verbosity``.
        truncation: ``"auto"`` lets OpenAI cut what does not fit.
    """

    api: Literal["auto", "chat", "responses"] | None
    conversation: str | Mapping[str, Any] | None
    include: Sequence[str] | None
    max_tool_calls: Count | None
    previous_response_id: str | None
    prompt: str | Mapping[str, Any] | None
    reasoning: Mapping[str, Any] | None
    text: Mapping[str, Any] | None
    truncation: str | None


class OpenAIOptions(ResponsesOptions, total=False):
    """What OpenAI, or a server in its format, takes besides.

    Attributes:
        organization: Whose account it is.
        top_k: How many of the likeliest tokens are drawn from (servers of one's own).
        min_p: Smallest share of the likeliest token's probability (servers of one's own).
        repetition_penalty: Against repeating, above 1 (servers of one's own).
    """

    organization: HeaderText | None
    top_k: int | None
    min_p: ShareOrZero | None
    repetition_penalty: Wait | None


class ClaudeOptions(TypedDict, total=False):
    """What Anthropic takes besides.

    Attributes:
        top_k: How many of the likeliest tokens are drawn from.
        cache_control: Where its cache of prompts begins and ends.
        context_management: What it may drop of long conversations.
        container: Where its code tool runs.
        mcp_servers: Servers of tools that it calls itself.
    """

    top_k: int | None
    cache_control: Mapping[str, Any] | None
    context_management: Mapping[str, Any] | None
    container: str | Mapping[str, Any] | None
    mcp_servers: Sequence[Mapping[str, Any]] | None


class GeminiOptions(TypedDict, total=False):
    """What Gemini takes besides.

    Attributes:
        top_k: How many of the likeliest tokens are drawn from.
        safety_settings: Its filters, one dict a category.
        cached_content: Name of a prompt that was stored there.
    """

    top_k: int | None
    safety_settings: Sequence[Mapping[str, Any]] | None
    cached_content: str | None


class MistralOptions(TypedDict, total=False):
    """What Mistral takes besides.

    Attributes:
        safe_prompt: Put its own safety instructions before the conversation.
    """

    safe_prompt: bool | None


class OllamaOptions(TypedDict, total=False):
    """What Ollama takes besides.

    Attributes:
        num_ctx: Its context window for this call, in tokens.
        num_predict: Its own name for ``max_tokens``.
        num_gpu: Layers on the graphics card.
        num_thread: Threads to compute with.
        keep_alive: How long the model stays in memory: seconds, or ``"5m"``.
        think: Whether, or how long, it thinks first.
        top_k: How many of the likeliest tokens are drawn from.
        min_p: Smallest share of the likeliest token's probability.
        repeat_penalty: Against repeating, above 1.
        repeat_last_n: How many tokens back that looks.
        mirostat: Version of that way of drawing, 0 for off.
        mirostat_eta: How fast it learns.
        mirostat_tau: How varied it is.
        tfs_z: Tail-free sampling, 1 for off.
    """

    num_ctx: Count | None
    num_predict: int | None
    num_gpu: int | None
    num_thread: int | None
    keep_alive: str | float | None
    think: bool | Literal["low", "medium", "high"] | None
    top_k: int | None
    min_p: ShareOrZero | None
    repeat_penalty: Wait | None
    repeat_last_n: int | None
    mirostat: Literal[0, 1, 2] | None
    mirostat_eta: float | None
    mirostat_tau: float | None
    tfs_z: float | None


class RouteOptions(ResponsesOptions, total=False):
    """What other litellm routes need, for the generic provider.

    Attributes:
        api_version: Azure's.
        top_k: How many of the likeliest tokens are drawn from.
        aws_access_key_id: Bedrock and SageMaker.
        aws_secret_access_key: Bedrock and SageMaker.
        aws_session_token: Bedrock and SageMaker.
        aws_region_name: Bedrock and SageMaker.
        aws_profile_name: Bedrock and SageMaker.
        azure_ad_token: Azure, in place of a key.
        vertex_project: Google Cloud's project.
        vertex_location: Google Cloud's region.
        vertex_credentials: Path or content of the credentials.
        custom_llm_provider: The route, when the model string has none.
        drop_params: litellm's switch to drop what a route does not know.
        repetition_penalty: Against repeating, above 1.
        min_p: Smallest share of the likeliest token's probability.
        provider: OpenRouter's choice of who serves the model.
        transforms: OpenRouter's ways to shorten a prompt.
    """

    api_version: str | None
    top_k: int | None
    aws_access_key_id: str | None
    aws_secret_access_key: str | None
    aws_session_token: str | None
    aws_region_name: Label | None
    aws_profile_name: str | None
    azure_ad_token: str | None
    vertex_project: Label | None
    vertex_location: Label | None
    vertex_credentials: str | None
    custom_llm_provider: str | None
    drop_params: bool | None
    repetition_penalty: Wait | None
    min_p: ShareOrZero | None
    provider: Mapping[str, Any] | None
    transforms: Sequence[str] | None


class NamedOptions(
    ChatOptions,
    OpenAIOptions,
    ClaudeOptions,
    GeminiOptions,
    MistralOptions,
    OllamaOptions,
    total=False,
):
    """Options of the named providers; which of them a vendor has is checked at run time."""


class ProviderOptions(NamedOptions, RouteOptions, total=False):
    """Defaults of every call, for a constructor; which of them a vendor has is checked there."""


class OnlyOnCalls(TypedDict, total=False):
    """What is said of one call alone.

    Attributes:
        timeout: Seconds, or a ``Timeout``, in place of the provider's.
        tag: Whose budget this call is.
        prompt: A text in place of the messages: one user message. (A template of OpenAI's is a
            mapping, and an option of that vendor.)
    """

    timeout: Timeout | Mapping[str, float | None] | float | None
    tag: str | None
    prompt: str | Mapping[str, Any] | None


class CallOptions(ProviderOptions, OnlyOnCalls, total=False):
    """What ``generate()``, ``complete()``, ``stream()`` and ``stream_events()`` take by name."""


class AnswerOptions(CallOptions, total=False):
    """``CallOptions`` of functions that do not name ``temperature`` and ``max_tokens`` themselves.

    Attributes:
        temperature: How freely the model draws, 0 to 2.
        max_tokens: The longest answer, in tokens.
    """

    temperature: Temperature | None
    max_tokens: Count | None


class EmbeddingOptions(TypedDict, total=False):
    """What an embedder takes besides.

    Attributes:
        encoding_format: ``"float"`` or ``"base64"``.
        user: Who asks, for the vendor's watch over misuse.
        input_type: What the vectors are for, in the vendor's words.
        extra_headers: Sent with the request.
        extra_body: Fields of the vendor that have no name here, sent as they are.
    """

    encoding_format: str | None
    user: str | None
    input_type: str | None
    extra_headers: Mapping[HeaderName, HeaderText] | None
    extra_body: Mapping[str, Any] | None


def names_of(options: type) -> frozenset[str]:
    """The names in a class of options, those it inherits included."""
    names: frozenset[str] = options.__optional_keys__  # type: ignore[attr-defined]
    return names
