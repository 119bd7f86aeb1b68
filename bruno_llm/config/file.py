"""Reading a configuration file: TOML, YAML or JSON, with one configuration or named profiles.

One configuration::

    provider = "openai"
    model = "gpt-4o-mini"

Several, with what they share under ``defaults``::

    default_profile = "cloud"

    [defaults]
    timeout = 30

    [profiles.cloud]
    provider = "claude"
    api_key = "${ANTHROPIC_API_KEY}"
    fallback = ["local"]

    [profiles.local]
    provider = "ollama"
    model = "llama3.2"

A file of bruno-core is read too: the configuration is its section ``llm``.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bruno_llm.config.parse import parse
from bruno_llm.exceptions import ConfigurationError
from bruno_llm.options.checks import nearest

__all__ = ["ConfigFile", "find_config_file", "lay", "read_config_file"]

_NAMES = ("config.toml", "config.yaml", "config.yml", "config.json")
_TOP = ("default_profile", "defaults", "profiles")


def lay(upper: Mapping[str, Any], lower: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of a higher layer over those of a lower one.

    A setting is replaced whole; only ``params`` are merged name by name.
    """
    merged = {**lower, **upper}
    params = [layer.get("params") for layer in (lower, upper)]
    if all(isinstance(layer, Mapping) for layer in params):
        merged["params"] = {**params[0], **params[1]}  # type: ignore[dict-item]
    return merged


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """A configuration file that was read.

    Attributes:
        path: The file.
        profiles: The settings of each profile, with ``defaults`` laid under them and references
            not yet replaced. A file without profiles has one, named ``""``.
        default_profile: The profile that is meant when none is named.
    """

    path: Path
    profiles: Mapping[str, Mapping[str, Any]]
    default_profile: str | None

    def choose(self, profile: str | None = None) -> str:
        """The name of the profile to use.

        Raises:
            ConfigurationError: There is no such profile, or several and none is the default.
        """
        wanted = profile or self.default_profile
        if wanted is None:
            if len(self.profiles) == 1:
                return next(iter(self.profiles))
            raise ConfigurationError(
                f"{self.path} has the profiles {', '.join(sorted(self.profiles))}; "
                "name one, or set default_profile in the file"
            )
        if wanted not in self.profiles:
            named = [name for name in self.profiles if name]
            has = nearest(wanted, named) if named else "; the file has no profiles"
            raise ConfigurationError(f"{self.path} has no profile {wanted!r}{has}")
        return wanted


def find_config_file(environ: Mapping[str, str] | None = None) -> Path | None:
    """The file that is read when none is named.

    ``$BRUNO_LLM_CONFIG``, else ``config.toml``, ``.yaml``, ``.yml`` or ``.json`` in
    ``$XDG_CONFIG_HOME/bruno-llm`` (``~/.config/bruno-llm``; on Windows ``%APPDATA%\\bruno-llm``).
    Never one of the working directory: a stranger's folder could send a key elsewhere.
    """
    environ = os.environ if environ is None else environ
    if environ.get("BRUNO_LLM_CONFIG"):
        return Path(environ["BRUNO_LLM_CONFIG"]).expanduser()
    home = environ.get("APPDATA") if sys.platform == "win32" else environ.get("XDG_CONFIG_HOME")
    folder = Path(home) if home else Path("~/.config").expanduser()
    candidates = (folder / "bruno-llm" / name for name in _NAMES)
    return next((path for path in candidates if path.is_file()), None)


def read_config_file(path: str | os.PathLike[str]) -> ConfigFile:
    """Read a file of configurations; its references are left as they are.

    A file that everybody may write is read, with the warning
    ``config_file_writable_by_everybody``: it can send a key to another address.

    Raises:
        ConfigurationError: The file is missing, unreadable, no regular file, over 256 KB, nested
            deeper than 32 levels, not of a known format, or its layout is wrong. The message
            names the place, never what stands there.
    """
    file = Path(path).expanduser()
    content = parse(file)
    if not isinstance(content, Mapping):
        raise ConfigurationError(f"{file} must hold settings by name, not {_kind(content)}")
    if "profiles" not in content:
        if "llm" in content:
            content = _section(file, content, "llm")
        return ConfigFile(file, {"": content}, None)
    unknown = next((name for name in content if name not in _TOP), None)
    if unknown is not None:
        raise ConfigurationError(f"{file}: unknown key {unknown!r}{nearest(str(unknown), _TOP)}")
    defaults = _section(file, content, "defaults")
    profiles = _section(file, content, "profiles")
    if not profiles:
        raise ConfigurationError(f"{file}: profiles is empty")
    merged = {name: lay(_section(file, profiles, name), defaults) for name in profiles}
    default = content.get("default_profile")
    if default is not None and default not in merged:
        raise ConfigurationError(
            f"{file}: default_profile is {default!r}{nearest(str(default), merged)}"
        )
    return ConfigFile(file, merged, default)


def _section(file: Path, content: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    section = content.get(name)
    if section is None:
        return {}
    if not isinstance(section, Mapping):
        raise ConfigurationError(f"{file}: {name} must hold settings by name, not {_kind(section)}")
    return section


def _kind(value: Any) -> str:
    return "nothing" if value is None else f"a {type(value).__name__}"
