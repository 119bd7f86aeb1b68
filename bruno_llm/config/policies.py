"""The policies as a configuration writes them, and the values that may be shown of one."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, TypeAlias

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    PlainSerializer,
    SecretStr,
    Tag,
    create_model,
    model_validator,
)

from bruno_llm.costs.budgets import Budget
from bruno_llm.costs.tracker import CostTracker
from bruno_llm.exceptions import ConfigurationError
from bruno_llm.options.checks import Amount, Seconds
from bruno_llm.policies.cache import Cache
from bruno_llm.policies.retry import Retry
from bruno_llm.policies.timeouts import Timeout
from bruno_llm.policies.window import STRATEGIES, ContextWindow
from bruno_llm.rate_limit.limit import RateLimit
from bruno_llm.redaction import hide_url_secrets, is_secret_name, name_in

__all__ = [
    "OF_FIELD",
    "BudgetSettings",
    "Budgets",
    "CacheSettings",
    "CostsSettings",
    "PolicySettings",
    "RateLimitSettings",
    "RetrySettings",
    "TimeoutSettings",
    "Timeouts",
    "Url",
    "WindowSettings",
    "presentable",
    "seal",
    "settings_of",
    "switch",
    "unseal",
]

Url = Annotated[str, PlainSerializer(hide_url_secrets)]
"""An address; a password or a query in it is in no repr, no dump and no JSON."""


def seal(value: Any, name: str = "") -> Any:
    """The value with every text under a secret name (at any depth) as ``SecretStr``."""
    if isinstance(value, Mapping):
        return {key: seal(inner, name_in(name, str(key))) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [seal(inner, name) for inner in value]
    return SecretStr(value) if isinstance(value, str) and is_secret_name(name) else value


def unseal(value: Any) -> Any:
    """The value with its secrets as plain texts again, for those who use them; undoes ``seal``."""
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

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    policy: ClassVar[Callable[..., Any]]

    if TYPE_CHECKING:  # the fields of what settings_of() makes

        def __getattr__(self, name: str) -> Any: ...

    def __repr_args__(self) -> list[tuple[str | None, Any]]:
        return list(presentable(self).items())

    @model_validator(mode="after")
    def _can_be_built(self) -> PolicySettings:
        tried = {name: value for name, value in self.given().items() if name not in _NOT_TRIED}
        try:
            type(self).policy(**tried)
        except ConfigurationError as error:
            raise ValueError(error.message) from None
        return self

    def given(self) -> dict[str, Any]:
        """The settings that were written, as arguments of the policy's class."""
        return {name: getattr(self, name) for name in self.model_fields_set}

    def build(self, **more: Any) -> Any:
        """The policy itself; ``more`` wins over what was written."""
        return type(self).policy(**{**self.given(), **more})


# What is looked for, or opened, when the policy is built.
_NOT_TRIED = ("store", "ledger", "budget")


def settings_of(
    policy: type, name: str | None = None, *, without: Collection[str] = (), **instead: Any
) -> type[PolicySettings]:
    """A policy as a configuration writes it, made from the signature of its class.

    Names, defaults, limits and descriptions are the class's own, so that the configuration, its
    JSON schema and the constructor cannot differ.

    Args:
        policy: A class whose arguments are annotated, with a google docstring.
        name: What it is called in the schema.
        without: Arguments that only code can give, such as functions.
        **instead: The types of arguments that a configuration writes in another way.
    """
    said = _descriptions(policy)
    fields: dict[str, Any] = {}
    for argument, parameter in inspect.signature(policy).parameters.items():
        if argument in without:
            continue
        default = ... if parameter.default is parameter.empty else parameter.default
        field = Field(default=default, description=said.get(argument))
        fields[argument] = (instead.get(argument, parameter.annotation), field)
    text = (inspect.getdoc(policy) or "").partition("\n")[0]
    model: type[PolicySettings] = create_model(
        name or policy.__name__,
        __base__=PolicySettings,
        __module__=policy.__module__,  # where the names of its annotations are known
        __doc__=text,
        **fields,
    )
    model.policy = policy
    # From here on it is the name in this module, by which it is pickled.
    model.__module__, model.__qualname__ = __name__, f"{model.__name__}Settings"
    return model


def _descriptions(policy: type) -> dict[str, str]:
    """Argument -> the first sentence about it in the class's docstring."""
    text = inspect.getdoc(policy) or ""
    listed = re.search(r"^(?:Args|Attributes):\n(.*?)(?=^\S|\Z)", text, re.MULTILINE | re.DOTALL)
    found = re.findall(
        r"^    (\w+): (.*?)(?=^    \w|\Z)", listed[1] if listed else "", re.MULTILINE | re.DOTALL
    )
    plain = ((name, " ".join(words.replace("``", "").split())) for name, words in found)
    return {name: re.split(r"\.(?=\s|$)|: \*", words)[0] for name, words in plain}


# Which strategy a text can name: a summarizer is a provider, which only code can give.
_STRATEGY: Any = Literal[tuple(name for name in STRATEGIES if name != "summarize")]

if TYPE_CHECKING:  # made while the program runs; all that is known of them is what they share
    RetrySettings: TypeAlias = PolicySettings
    TimeoutSettings: TypeAlias = PolicySettings
    RateLimitSettings: TypeAlias = PolicySettings
    BudgetSettings: TypeAlias = PolicySettings
    CostsSettings: TypeAlias = PolicySettings
    CacheSettings: TypeAlias = PolicySettings
    WindowSettings: TypeAlias = PolicySettings
else:
    RetrySettings = settings_of(Retry)
    TimeoutSettings = settings_of(Timeout)
    RateLimitSettings = settings_of(RateLimit, store=Url | None)
    BudgetSettings = settings_of(Budget, limit=Amount)
    CacheSettings = settings_of(Cache)
    WindowSettings = settings_of(
        ContextWindow, "Window", without=("summarizer", "on_warning"), strategy=_STRATEGY
    )


def _read_budgets(value: Any) -> Any:
    if isinstance(value, int | float | str):
        value = {"limit": value}
    if isinstance(value, Mapping | PolicySettings):
        value = [value]
    if not isinstance(value, list | tuple):
        return value
    return [{"limit": one} if isinstance(one, int | float | str) else one for one in value]


Budgets = Annotated[
    tuple[BudgetSettings, ...] | None,
    BeforeValidator(
        _read_budgets,
        json_schema_input_type=float | BudgetSettings | list[float | BudgetSettings] | None,
    ),
]
"""One budget in US dollars, one with its options, or several."""

if not TYPE_CHECKING:
    CostsSettings = settings_of(
        CostTracker,
        "Costs",
        without=("on_warning",),
        budget=Budgets,
        ledger=str | None,
        spill=str | None,
    )


def _number_or_settings(value: Any) -> str:
    return "settings" if isinstance(value, Mapping | PolicySettings) else "number"


def _no_switch(value: Any) -> Any:
    if value is True:
        raise ValueError("needs a number of seconds, or settings such as read and total")
    return None if value is False else value


Timeouts = Annotated[
    Annotated[
        Annotated[Seconds, Tag("number")] | Annotated[TimeoutSettings, Tag("settings")],
        Discriminator(_number_or_settings),
    ]
    | None,
    BeforeValidator(
        _no_switch, json_schema_input_type=Seconds | TimeoutSettings | Literal[False] | None
    ),
]
"""Seconds, or the settings of a ``Timeout``."""

OF_FIELD: Mapping[str, type[BaseModel]] = {
    "timeout": TimeoutSettings,
    "retry": RetrySettings,
    "rate_limit": RateLimitSettings,
    "costs": CostsSettings,
    "budget": BudgetSettings,
    "cache": CacheSettings,
    "window": WindowSettings,
}
"""The settings of each policy in a configuration."""


def switch(number: str, input_type: Any, text: str | None = None) -> BeforeValidator:
    """``true`` is the policy with its defaults, ``false`` is off, one value is its main setting.

    Args:
        number: The setting that a single number stands for.
        input_type: What may be written, for the JSON schema.
        text: The setting that a single text stands for, when it is another one.
    """

    def read(value: Any) -> Any:
        if isinstance(value, bool):
            return {} if value else None
        if text and isinstance(value, str):
            return {text: value}
        return {number: value} if isinstance(value, int | float | str) else value

    return BeforeValidator(read, json_schema_input_type=input_type)
