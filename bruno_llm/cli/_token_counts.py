"""Token counts of a text for several models, with what they are of the window and the price."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from bruno_llm import _litellm
from bruno_llm.capabilities import capabilities_of
from bruno_llm.cli._console import table
from bruno_llm.cli._routes import litellm_name_of, pricing_of
from bruno_llm.exceptions import ConfigurationError
from bruno_llm.factory.registry import Registry

if TYPE_CHECKING:
    from rich.console import RenderableType

__all__ = ["TokenCount", "count_of", "render", "to_dict"]


@dataclass(frozen=True, slots=True)
class TokenCount:
    """Tokens of a text for one model.

    ``exact`` is ``False`` for an estimate; ``window`` is the model's in tokens and ``cost_usd``
    the text's as a prompt, both ``None`` when unknown.
    """

    provider: str
    model: str
    tokens: int
    exact: bool
    window: int | None
    cost_usd: float | None


def count_of(text: str, name: str) -> TokenCount:
    """Count a text for ``vendor/model``, or for a provider's default model.

    Raises:
        ConfigurationError: There is no such provider, or it has no default model.
    """
    from bruno_llm.vendors.tokens import counter_for  # brings httpx

    target = Registry().find(name)
    model = target.model or getattr(target.create, "default_model", None)
    if model is None:
        raise ConfigurationError(f"{name!r} needs a model", hint=f"{target.name}/<model>")
    route = litellm_name_of(target)
    counter = counter_for(route, model)
    facts = _litellm.model_facts(model, route)
    tokens = counter.text(text)
    price = pricing_of(target).of(model)
    return TokenCount(
        target.name,
        model,
        tokens,
        counter.exact,
        capabilities_of(facts).max_input_tokens,
        None if price is None else tokens * price.input / 1_000_000,
    )


def to_dict(counted: TokenCount) -> dict[str, Any]:
    """For a program."""
    return asdict(counted)


def _share(counted: TokenCount) -> str:
    if not counted.window:
        return "?"
    share = counted.tokens / counted.window
    return "<0.1%" if 0 < share < 0.0005 else f"{share:.1%}"


def render(counted: Sequence[TokenCount], characters: int) -> RenderableType:
    """For people."""
    from rich.text import Text

    from bruno_llm.costs.words import usd

    numbers = ("Tokens", "Of window", "As a prompt")
    made = table("Model", "Tokens", "", *numbers[1:], right=numbers)
    made.title = f"{characters:,} characters"
    for one in counted:
        cost = "?" if one.cost_usd is None else usd(Decimal(str(one.cost_usd)))
        made.add_row(
            Text(f"{one.provider}/{one.model}"),
            f"{one.tokens:,}",
            "exact" if one.exact else "estimate",
            _share(one),
            cost,
        )
    return made
