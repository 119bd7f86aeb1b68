"""What ``bruno-llm doctor`` finds out, and how it says so."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from bruno_llm import keys
from bruno_llm.cli._console import printable, table
from bruno_llm.config.explain import Setting
from bruno_llm.config.file import find_config_file, read_config_file
from bruno_llm.config.layers import PRECEDENCE
from bruno_llm.config.settings import ProviderConfig
from bruno_llm.exceptions import ConfigurationError
from bruno_llm.factory.factory import LLMFactory
from bruno_llm.factory.health import ProviderHealth
from bruno_llm.redaction import hide_url_secrets

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text

__all__ = ["Findings", "examine", "render", "settings_table", "to_dict"]

_PACKAGES = ("bruno-llm", "bruno-core", "litellm")
_KEYS = ("constructor or file", "BRUNO_LLM_<PROVIDER>_API_KEY", "the vendor's variable", "keyring")


@dataclass(frozen=True, slots=True)
class Findings:
    """All that was found out.

    Attributes:
        health: A line for each provider.
        settings: Provider -> its settings and where they came from, for those that were named.
        config: Which configuration file is read when none is named, and whether it can be.
        keyring: The keyring of the system, ``None`` when there is none.
        broken: Plugin -> why it cannot be used.
        versions: Package -> version.
    """

    health: tuple[ProviderHealth, ...]
    settings: Mapping[str, Sequence[Setting]]
    config: str
    keyring: str | None
    broken: Mapping[str, str]
    versions: Mapping[str, str]


async def examine(providers: Sequence[str], config: str | None, profile: str | None) -> Findings:
    """Check the named providers, the one of a configuration, or all; all at the same time.

    Raises:
        ConfigurationError: A name, the file or a setting is wrong.
    """
    settings: dict[str, Sequence[Setting]] = {}
    candidates: list[str | ProviderConfig] | None = None
    if config or profile:
        chosen = configured(config, profile)
        candidates = [chosen]
        settings[chosen.provider] = LLMFactory.explain(None, chosen)
    elif providers:
        candidates = list(dict.fromkeys(providers))
        settings = {name: LLMFactory.explain(name) for name in providers}
    found = await LLMFactory.health_check(candidates)
    return Findings(
        tuple(found.values()),
        settings,
        _config_file(),
        keys.keyring_name(),
        LLMFactory.broken_plugins(),
        {name: _version(name) for name in _PACKAGES} | {"Python": platform.python_version()},
    )


def configured(config: str | None, profile: str | None) -> ProviderConfig:
    """The configuration in a file, as the factory reads it.

    Raises:
        ConfigurationError: The file, the profile or a setting is wrong.
    """
    return ProviderConfig.from_file(
        config, profile, others=LLMFactory.list_providers(), accepts=LLMFactory.options_of
    )


def _config_file() -> str:
    path = find_config_file()
    if path is None:
        return "none"
    try:
        file = read_config_file(path)
        profiles = ", ".join(name for name in file.profiles if name)
    except ConfigurationError as error:
        return f"cannot be used: {error}"
    return f"{path}" + (f" (profiles: {profiles})" if profiles else "")


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def to_dict(found: Findings) -> dict[str, Any]:
    """For a program."""
    return {
        "providers": [
            {**asdict(line), "base_url": _address(line), "ok": line.ok} for line in found.health
        ],
        "settings": {
            name: [asdict(setting) for setting in rows] for name, rows in found.settings.items()
        },
        "precedence": list(PRECEDENCE),
        "config_file": found.config,
        "keyring": found.keyring,
        "broken_plugins": dict(found.broken),
        "versions": dict(found.versions),
    }


def render(found: Findings) -> RenderableType:
    """For people."""
    from rich.console import Group
    from rich.text import Text

    lines = table("Provider", "", "Key", "Server", "Model")
    for line in found.health:
        state = _state(line)
        shown = (_key(line), _server(line), _model(line))
        lines.add_row(Text(printable(line.name)), state, *(Text(printable(x)) for x in shown))
    parts: list[RenderableType] = [lines]
    for line in found.health:
        if line.problem:
            text = Text.assemble((f"{line.name}: ", "bold"), printable(line.problem))
            parts.append(text)
            if line.hint:
                parts.append(Text(f"  -> {printable(line.hint)}", style="cyan"))
        if line.base_url:
            parts.append(Text(f"{line.name} is asked at {_address(line)}", style="dim"))
    parts += [
        Text.assemble((f"plugin {name}: ", "bold"), printable(why))
        for name, why in found.broken.items()
    ]
    for name, rows in found.settings.items():
        parts += [Text(), settings_table(rows, f"Settings of {name}")]
    parts.append(Text())
    facts = {
        "Precedence": " > ".join(PRECEDENCE),
        "Keys": " > ".join(_KEYS),
        "Config file": found.config,
        "Keyring": found.keyring or _no_keyring(),
        "Versions": ", ".join(f"{name} {number}" for name, number in found.versions.items()),
    }
    parts += [Text.assemble((f"{name}: ", "dim"), what) for name, what in facts.items()]
    return Group(*parts)


def _no_keyring() -> str:
    installed = find_spec("keyring") is not None
    return "this system has none" if installed else "none (pip install 'bruno-llm[keyring]')"


def settings_table(rows: Sequence[Setting], title: str) -> RenderableType:
    """Settings with their values, as they may be shown, and where they came from."""
    from rich.text import Text

    made = table("Setting", "Value", "From", title=title)
    for row in rows:
        value = "-" if row.value is None else printable(str(row.value))
        made.add_row(row.name, Text(value), Text(row.source))
    return made


def _state(line: ProviderHealth) -> Text:
    from rich.text import Text

    if not line.ok:
        return Text("not ready", style="red")
    # Nobody could be asked: a call may work.
    return Text("ready", style="green") if line.reachable else Text("not known", style="yellow")


def _address(line: ProviderHealth) -> str | None:
    return hide_url_secrets(line.base_url) if line.base_url else None


def _key(line: ProviderHealth) -> str:
    if line.key is None:
        unknown = "not known" if line.reachable is None else "not needed"
        return unknown if line.configured else "missing"
    verdicts: dict[bool | None, str] = {True: ", accepted", False: ", refused"}
    return f"{line.key_source} {line.key}{verdicts.get(line.key_accepted, '')}"


def _server(line: ProviderHealth) -> str:
    if line.reachable is None:
        return "not asked"
    return f"{(line.latency or 0) * 1000:.0f} ms" if line.reachable else "not reached"


def _model(line: ProviderHealth) -> str:
    if line.model_present is False:
        return f"{line.model}, missing"
    return line.model or "-"
