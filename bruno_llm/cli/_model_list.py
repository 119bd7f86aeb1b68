"""Models of providers: asked where they can be reached, read from litellm's map elsewhere."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from bruno_core.utils.exceptions import BrunoError

from bruno_llm import _litellm
from bruno_llm.capabilities import capabilities_of
from bruno_llm.chat import models_of
from bruno_llm.cli._choice import close_provider
from bruno_llm.cli._console import printable, table
from bruno_llm.cli._routes import litellm_name_of, pricing_of
from bruno_llm.factory.factory import LLMFactory
from bruno_llm.factory.registry import Registry, Target

if TYPE_CHECKING:
    from bruno_core.interfaces.llm import LLMInterface
    from rich.console import RenderableType

__all__ = ["Listed", "Model", "find_models", "render", "to_dict"]

# The bound of a provider's own is 5 seconds; a plugin may have none.
_TIMEOUT = 6.0
_CHAT = (None, "chat", "responses", "completion")
_ABILITIES = ("tools", "vision", "json_schema", "reasoning")


@dataclass(frozen=True, slots=True)
class Model:
    """A model; what nobody says is ``None``. Prices are US dollars per million tokens."""

    name: str
    max_input_tokens: int | None = None
    max_output_tokens: int | None = None
    input_price: float | None = None
    output_price: float | None = None
    capabilities: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Listed:
    """The models of one provider.

    Attributes:
        provider: Its name.
        live: It was asked.
        problem: Why it could not be.
        models: Its chat models, by name.
        more: How many more litellm's map has.
    """

    provider: str
    live: bool
    problem: str | None
    models: tuple[Model, ...]
    more: int = 0


async def find_models(names: Sequence[str], *, whole: bool) -> list[Listed]:
    """Ask providers at the same time.

    Args:
        names: Providers.
        whole: List everything in litellm's map where a provider cannot be asked.

    Raises:
        ConfigurationError: There is no provider of that name.
    """
    targets = [Registry().find(name) for name in names]
    return list(await asyncio.gather(*(_list(target, whole) for target in targets)))


async def _list(target: Target, whole: bool) -> Listed:
    if target.route:
        known = tuple(filter(None, (_model(target, name) for name in _known(target))))
        return Listed(target.name, False, None, known)
    provider: LLMInterface | None = None
    found: list[str] | None = None
    try:
        provider = LLMFactory.create(target.name)
        found = await asyncio.wait_for(models_of(provider), _TIMEOUT)
        problem = None
    except asyncio.TimeoutError:
        problem = f"no answer within {_TIMEOUT:g} s"
    except BrunoError as error:
        problem = printable(str(error))
    except Exception as error:
        # The text of a plugin's exception may hold anything.
        problem = type(error).__name__
    finally:
        if provider is not None:
            await close_provider(provider)
    if found is not None:
        models = [_model(target, name) for name in sorted(set(found))]
        return Listed(target.name, True, None, tuple(filter(None, models)))
    names = _known(target)
    # Without a price list it is a server of one's own: what it could have is not worth a page.
    shown = names if whole else [name for name in names if name in _prices(target)]
    models = [_model(target, name) for name in shown]
    return Listed(
        target.name, False, problem, tuple(filter(None, models)), more=len(names) - len(shown)
    )


def _known(target: Target) -> list[str]:
    """The provider's chat models in litellm's map."""
    route = litellm_name_of(target)
    names = set(_prices(target))
    for name, facts in _litellm.bundled_map().items():
        vendor, slash, rest = name.partition("/")
        if facts.get("mode") not in _CHAT[1:]:
            continue
        if facts.get("litellm_provider") == route and "ft:" not in name:
            names.add(rest if slash and vendor == route else name)
    return sorted(names)


def _prices(target: Target) -> Mapping[str, Any]:
    prices: Mapping[str, Any] = getattr(target.create, "prices", {}) if not target.route else {}
    return prices


def _model(target: Target, name: str) -> Model | None:
    """What is known of a model; ``None`` when it is not one for chat."""
    facts = _litellm.model_facts(name, litellm_name_of(target))
    if facts.get("mode") not in _CHAT:
        return None
    can = asdict(capabilities_of(facts))
    price = pricing_of(target).of(name)
    return Model(
        name,
        can["max_input_tokens"],
        can["max_output_tokens"],
        None if price is None else round(price.input, 6),
        None if price is None else round(price.output, 6),
        tuple(ability for ability in _ABILITIES if can[ability]),
    )


def to_dict(listed: Listed) -> dict[str, Any]:
    """For a program; prices are US dollars per million tokens, null when unknown."""
    return asdict(listed)


def render(listed: Sequence[Listed]) -> RenderableType:
    """For people: a table for each provider, and how it came about."""
    from rich.console import Group
    from rich.text import Text

    parts: list[RenderableType] = []
    for one in listed:
        how = "asked now" if one.live else "from litellm's map"
        numbers = ("Window", "Output", "In $/M", "Out $/M")
        made = table("Model", *numbers, "Can", right=numbers, title=f"{one.provider}, {how}")
        for model in one.models:
            made.add_row(
                Text(printable(model.name)),
                _size(model.max_input_tokens),
                _size(model.max_output_tokens),
                _price_per_million(model.input_price),
                _price_per_million(model.output_price),
                " ".join(model.capabilities),
            )
        parts.append(made if one.models else Text(str(made.title)))
        if one.problem:
            parts.append(Text(f"could not be asked: {one.problem}", style="yellow"))
        if one.more:
            hint = f"{one.more} more in litellm's map: bruno-llm models --provider {one.provider}"
            parts.append(Text(hint, style="dim"))
        parts.append(Text())
    return Group(*parts[:-1])


def _size(tokens: int | None) -> str:
    return f"{tokens:,}" if tokens else "?"


def _price_per_million(price: float | None) -> str:
    if price is None:
        return "?"
    return f"{price:.2f}" if price >= 0.1 or not price else f"{price:.4g}"
