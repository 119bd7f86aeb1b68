"""The policies as a configuration writes them, and the values that may be shown of one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, SecretStr

from bruno_llm.redaction import hide_url_secrets, is_secret_name

__all__ = [
    "Budget",
    "Budgets",
    "Cache",
    "Costs",
    "PolicySettings",
    "RateLimit",
    "Retry",
    "Url",
    "Window",
    "is_secret_name",
    "presentable",
    "seal",
    "switch",
    "unseal",
]

Url = Annotated[str, PlainSerializer(hide_url_secrets, when_used="json")]
"""An address; a password or a query in it is in no repr and no JSON."""


def seal(value: Any, name: str = "") -> Any:
    """The value with every text under a secret name (at any depth) as ``SecretStr``."""
    if isinstance(value, Mapping):
        return {key: seal(inner, str(key)) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [seal(inner, name) for inner in value]
    return SecretStr(value) if isinstance(value, str) and is_secret_name(name) else value


def unseal(value: Any) -> Any:
    """The opposite of :func:`seal`."""
    if isinstance(value, Mapping):
        return {key: unseal(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [unseal(inner) for inner in value]
    return value.get_secret_value() if isinstance(value, SecretStr) else value


def presentable(value: Any) -> Any:
    """The value with URLs stripped of secrets and sealed texts as asterisks."""
    if isinstance(value, PolicySettings):
        return {name: presentable(getattr(value, name)) for name in sorted(value.model_fields_set)}
    if isinstance(value, Mapping):
        return {key: presentable(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [presentable(inner) for inner in value]
    if isinstance(value, SecretStr):
        return "****"
    return hide_url_secrets(value) if isinstance(value, str) and "://" in value else value


class PolicySettings(BaseModel):
    """What the policies have in common: unknown names are refused, a repr shows no secret."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    def __repr_args__(self) -> list[tuple[str | None, Any]]:
        return list(presentable(self).items())

    def given(self) -> dict[str, Any]:
        """What was written, as arguments of the policy's class."""
        return {name: getattr(self, name) for name in self.model_fields_set}


class Retry(PolicySettings):
    """How failed attempts are repeated."""

    attempts: int = Field(default=3, ge=1, description="Tries in all, the first one included")
    timeout: float | None = Field(default=120.0, gt=0, description="Seconds for all tries together")
    wait_initial: float = Field(default=0.5, ge=0, description="Longest first wait, in seconds")
    wait_max: float = Field(default=30.0, ge=0, description="Longest wait, in seconds")


class RateLimit(PolicySettings):
    """How much is sent to the provider."""

    requests_per_minute: float | None = Field(default=None, gt=0)
    tokens_per_minute: float | None = Field(default=None, gt=0)
    concurrency: int | None = Field(default=None, ge=1, description="Calls at the same time")
    store: Url | None = Field(
        default=None, description="redis:// address to share the limits between processes"
    )
    max_waiting: int = Field(default=1000, ge=0, description="Calls that may wait for their turn")
    wait_timeout: float | None = Field(default=60.0, gt=0, description="Longest wait, in seconds")
    on_store_failure: Literal["error", "local"] = Field(
        default="error", description="Without the store: fail, or limit this process alone"
    )
    key: str = Field(default="default", min_length=1, description="Who shares the limits")
    burst: int | None = Field(default=None, ge=1, description="Requests that may start at once")
    lease: float = Field(
        default=15.0, gt=0, description="Seconds until the slot of a dead process is free again"
    )


class Budget(PolicySettings):
    """An upper limit on what calls may cost."""

    limit: float = Field(ge=0, description="US dollars")
    period: Literal["total", "day", "month"] = Field(
        default="total", description="For ever, or for each day or month of UTC"
    )
    tag: str | None = Field(
        default=None,
        min_length=1,
        description="Only calls with this tag; * gives every tag its own budget",
    )


def _read_budgets(value: Any) -> Any:
    if isinstance(value, int | float | str):
        value = {"limit": value}
    if isinstance(value, Mapping | Budget):
        value = [value]
    if not isinstance(value, list | tuple):
        return value
    return [{"limit": one} if isinstance(one, int | float | str) else one for one in value]


Budgets = Annotated[
    tuple[Budget, ...] | None,
    BeforeValidator(
        _read_budgets, json_schema_input_type=float | Budget | list[float | Budget] | None
    ),
]
"""One budget in US dollars, one with its options, or several."""


class Costs(PolicySettings):
    """What calls may cost, in US dollars."""

    budget: Budgets = Field(default=None, description="US dollars that may be spent")
    warn_at: float = Field(default=0.8, gt=0, le=1, description="Share of the budget that warns")
    ledger: str | None = Field(default=None, description="File in which the costs survive")
    allow_unknown_prices: bool = Field(
        default=False, description="With a budget: allow models without a known price"
    )


class Cache(PolicySettings):
    """Where answers are kept."""

    store: Url | None = Field(
        default=None, description="Memory when left out; a directory, or a redis:// address"
    )
    ttl: float | None = Field(default=None, gt=0, description="Seconds until an answer is stale")
    max_entries: int = Field(default=1000, ge=1, description="Answers that are kept in memory")


class Window(PolicySettings):
    """How a conversation is fitted to the model's context window."""

    max_input_tokens: int | None = Field(default=None, ge=1)
    reserve: int | None = Field(default=None, ge=0, description="Tokens kept for the answer")
    strategy: str = Field(default="drop_oldest", description="What is left out first")
    warn_at: float = Field(default=0.9, gt=0, le=1, description="Share of the window that warns")
    keep_first: int = Field(default=1, ge=1, description="Messages at the start that stay")


def switch(short: str, input_type: Any) -> BeforeValidator:
    """``true`` is the policy with its defaults, ``false`` is off, one value is its main setting.

    Args:
        short: The setting that a single number or text stands for.
        input_type: What may be written, for the JSON schema.
    """

    def read(value: Any) -> Any:
        if isinstance(value, bool):
            return {} if value else None
        return {short: value} if isinstance(value, int | float | str) else value

    return BeforeValidator(read, json_schema_input_type=input_type)
