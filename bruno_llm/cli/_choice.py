"""Which provider answers: the options that say so, and the choice when they do not."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from bruno_core.interfaces.llm import LLMInterface

__all__ = [
    "CANDIDATES",
    "ProviderChoice",
    "close_provider",
    "file_options",
    "opened",
    "provider_options",
]

CANDIDATES = ("ollama", "claude", "openai", "gemini")
"""Who is asked when nobody is named: what runs here first, then those whose key is set."""

F = TypeVar("F", bound=Callable[..., Any])


def _complete_provider(_ctx: click.Context, _param: click.Parameter, start: str) -> list[str]:
    return [name for name in CANDIDATES if name.startswith(start)]


def file_options(command: F) -> F:
    """``--config`` and ``--profile``."""
    for option in (
        click.option("--profile", help="The profile of the configuration file."),
        click.option(
            "--config",
            type=click.Path(exists=True, dir_okay=False),
            help="A configuration file (TOML, YAML or JSON).",
        ),
    ):
        command = option(command)
    return command


def provider_options(command: F) -> F:
    """``--provider``, ``--model``, ``--config`` and ``--profile``."""
    command = file_options(command)
    for option in (
        click.option("-m", "--model", help="Its model, or vendor/model without --provider."),
        click.option(
            "-p",
            "--provider",
            shell_complete=_complete_provider,
            help="Provider; without it the first that is available.",
        ),
    ):
        command = option(command)
    return command


@dataclass(frozen=True, slots=True)
class ProviderChoice:
    """What the options of a command say about the provider.

    Attributes:
        provider: ``--provider``.
        model: ``--model``.
        config: ``--config``.
        profile: ``--profile``.
        settings: Other settings that were given, such as ``temperature``.
    """

    provider: str | None = None
    model: str | None = None
    config: str | None = None
    profile: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.provider and (self.config or self.profile):
            # A profile's key and address belong to its own vendor.
            raise click.UsageError("--provider and a configuration cannot be given together.")

    def with_model(self, model: str, chosen: str) -> ProviderChoice:
        """This choice with another model; ``vendor/model`` changes the provider too.

        Args:
            model: The other model.
            chosen: Who answered so far, and stays when nobody was named.
        """
        if "/" in model:
            return ProviderChoice(model=model, settings=self.settings)
        named = self.provider or self.config or self.profile or _default_file()
        return replace(self, model=model, provider=self.provider if named else chosen)

    async def create(self) -> LLMInterface:
        """The provider: as named, of the configuration, or the first that is available.

        Raises:
            ConfigurationError: A name, a file or a setting is wrong.
            LLMError: Nothing was named, and none is available.
        """
        from bruno_llm.exceptions import ConfigurationError, LLMError
        from bruno_llm.factory.factory import LLMFactory

        settings = {name: value for name, value in self.settings.items() if value is not None}
        named = settings | ({"model": self.model} if self.model else {})
        if self.provider:
            return LLMFactory.create(self.provider, **named)
        if self.model and "/" in self.model and not (self.config or self.profile):
            return LLMFactory.create(self.model, **settings)
        if self.config or self.profile or _default_file():
            return LLMFactory.create_from_file(self.config, self.profile, **named)
        if _named_in_environment():
            return LLMFactory.create_from_env(**named)
        candidates = [{"provider": name, **named} for name in CANDIDATES]
        try:
            return await LLMFactory.create_available(candidates)
        except ConfigurationError:
            raise
        except LLMError as error:
            error.hint = "bruno-llm doctor tells more"
            raise


def _default_file() -> bool:
    from bruno_llm.config.file import find_config_file

    return find_config_file() is not None


def _named_in_environment() -> bool:
    import os

    return bool(
        os.environ.get("BRUNO_LLM_PROVIDER", "").strip()
        or "/" in os.environ.get("BRUNO_LLM_MODEL", "")
    )


@asynccontextmanager
async def opened(choice: ProviderChoice) -> AsyncIterator[LLMInterface]:
    """The provider of a choice; its connections are closed at the end."""
    provider = await choice.create()
    try:
        yield provider
    finally:
        await close_provider(provider)


async def close_provider(provider: LLMInterface) -> None:
    """Close a provider's connections, when it has a way to."""
    aclose = getattr(provider, "aclose", None)
    if aclose is not None:
        await aclose()
