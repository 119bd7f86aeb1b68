"""What the constructors and the factory take by name, for editors and type checkers.

A named provider takes the options of its own vendor alone, so ``OpenAIProvider(num_ctx=4096)`` is
a type error; :mod:`bruno_llm.options.call` has what a call takes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from typing_extensions import TypedDict

from bruno_llm.options.call import (
    NamedOptions,
)

if TYPE_CHECKING:
    from pydantic import SecretStr

    from bruno_llm.costs.tracker import CostTracker
    from bruno_llm.policies.cache import Cache
    from bruno_llm.policies.retry import Retry
    from bruno_llm.policies.timeouts import Timeout
    from bruno_llm.policies.window import ContextWindow
    from bruno_llm.rate_limit.limit import RateLimit

__all__ = [
    "FactorySettings",
    "ProviderSettings",
]


class ProviderSettings(TypedDict, total=False):
    """What every provider's constructor takes besides the model and the options.

    Attributes:
        api_key: The key; else the vendor's variables and the system's keyring are asked.
        base_url: Another address of the vendor's API.
        timeout: Seconds, or a ``Timeout``.
        system_prompt: Sent first on every call.
        temperature: Default of every call.
        max_tokens: Default of every call: the longest answer, in tokens.
        retry: What to do after passing failures: a ``Retry`` or the number of tries; ``None`` for
            one try.
        rate_limit: A ``RateLimit`` or the requests per minute.
        costs: Books every call and keeps budgets: a ``CostTracker`` or a budget in US dollars.
        cache: Keeps answers: a ``Cache``, ``True``, seconds, or a store.
        window: Fits long conversations into the model's context window: a ``ContextWindow``,
            ``True``, or the most tokens of a prompt.
        max_response_bytes: The most that an answer may hold, decompressed; ``None`` for no limit.
    """

    api_key: str | SecretStr | None
    base_url: str | None
    timeout: Timeout | Mapping[str, float | None] | float | None
    system_prompt: str | None
    temperature: float | None
    max_tokens: int | None
    retry: Retry | Mapping[str, Any] | int | None
    rate_limit: RateLimit | Mapping[str, Any] | float | None
    costs: CostTracker | Mapping[str, Any] | float | None
    cache: Cache | Mapping[str, Any] | float | str | None
    window: ContextWindow | Mapping[str, Any] | int | None
    max_response_bytes: int | None


class FactorySettings(NamedOptions, total=False):
    """What ``LLMFactory.create()`` takes by name for a built-in provider.

    Attributes:
        model: The model, as the vendor names it.
        api_key: As for the provider.
        base_url: As for the provider.
        timeout: As for the provider.
        system_prompt: As for the provider.
        temperature: As for the provider.
        max_tokens: As for the provider.
        retry: A ``Retry``, its settings, or the number of tries.
        rate_limit: A ``RateLimit``, its settings, or the requests per minute.
        budget: US dollars, or the settings of one ``Budget`` or several.
        costs: A ``CostTracker``, or its settings.
        cache: A ``Cache``, its settings, or true.
        window: A ``ContextWindow``, its settings, or true.
        max_response_bytes: As for the provider.
        params: Options of the vendor, which may as well be named by themselves.
    """

    model: str | None
    api_key: str | SecretStr | None
    base_url: str | None
    timeout: Timeout | Mapping[str, float | None] | float | None
    system_prompt: str | None
    temperature: float | None
    max_tokens: int | None
    retry: Retry | Mapping[str, Any] | int | None
    rate_limit: RateLimit | Mapping[str, Any] | float | None
    budget: Mapping[str, Any] | Sequence[Mapping[str, Any] | float] | float | None
    costs: CostTracker | Mapping[str, Any] | bool | None
    cache: Cache | Mapping[str, Any] | float | str | None
    window: ContextWindow | Mapping[str, Any] | bool | None
    max_response_bytes: int | None
    params: Mapping[str, Any] | None
