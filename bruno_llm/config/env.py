"""Settings from the environment, and ``${VAR}`` references in a configuration.

Two families of variables are read:

- ``BRUNO_LLM_<PROVIDER>_<SETTING>``, such as ``BRUNO_LLM_OPENAI_TEMPERATURE=0.2``. A double
  underscore reaches into a setting: ``BRUNO_LLM_OPENAI_RETRY__ATTEMPTS=5``.
- bruno-core's names, ``BRUNO_LLM_PROVIDER``, ``BRUNO_LLM_MODEL``, ``BRUNO_LLM_API_KEY`` and so
  on. They belong to the provider that ``BRUNO_LLM_PROVIDER`` names and to no other, so that the
  key of one vendor is never sent to another.

An empty variable counts as unset.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from typing import Any, Literal

from bruno_llm.exceptions import ConfigurationError
from bruno_llm.keys import variable_part

__all__ = [
    "ValueKind",
    "bruno_core_settings",
    "expand",
    "from_text",
    "named_provider",
    "provider_settings",
]

ValueKind = Literal["text", "number", "list", "mapping", "policy", "any"]
"""How a setting reads its text. A policy is a switch, a JSON object, or a number (a budget)."""

_OFF = frozenset({"false", "off", "no", "none", "null"})
_ON = frozenset({"true", "on", "yes"})

_REFERENCE = re.compile(
    r"\$\$(?=\{)|\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^}]*))?\}"
)


def from_text(name: str, text: str, kind: ValueKind) -> Any:
    """A setting's value from the text of a variable.

    ``false`` is a bool and ``12`` a number where the setting is not text; a list is JSON or
    separated by commas; a mapping is JSON.

    Raises:
        ConfigurationError: The text looks like JSON and is not.
    """
    if kind == "text":
        return text
    word = text.strip()
    if kind in ("number", "policy") and word.lower() in _OFF:
        return None if kind == "number" else False
    if kind == "policy" and word.lower() in _ON:
        return True
    if kind == "number":
        return word
    if kind == "list" and not word.startswith("["):
        return [part.strip() for part in word.split(",") if part.strip()]
    return _from_json(name, word)


def _from_json(name: str, word: str) -> Any:
    if word.lower() in ("true", "false", "null", "none"):
        return {"true": True, "false": False}.get(word.lower())
    try:
        return json.loads(word)
    except (ValueError, RecursionError):
        if not word.startswith(("{", "[")):
            return word
    # Outside of the handler, so that no traceback carries the text of the variable.
    raise ConfigurationError(f"{name} looks like JSON, but it cannot be read as JSON")


def named_provider(environ: Mapping[str, str], prefix: str = "BRUNO_LLM") -> tuple[str, str]:
    """The provider that the environment names, and the variable that does.

    Raises:
        ConfigurationError: Neither ``BRUNO_LLM_PROVIDER`` nor a ``BRUNO_LLM_MODEL`` of the form
            vendor/model is set.
    """
    name = environ.get(f"{prefix}_PROVIDER", "").strip()
    if name:
        return name, f"{prefix}_PROVIDER"
    model = environ.get(f"{prefix}_MODEL", "").strip()
    if "/" in model:
        return model, f"{prefix}_MODEL"
    raise ConfigurationError(
        "no provider is named", hint=f"set {prefix}_PROVIDER, or {prefix}_MODEL to vendor/model"
    )


def provider_settings(
    provider: str,
    kinds: Mapping[str, ValueKind],
    environ: Mapping[str, str],
    *,
    prefix: str = "BRUNO_LLM",
    others: Collection[str] = (),
) -> dict[str, tuple[Any, str]]:
    """What ``BRUNO_LLM_<PROVIDER>_<SETTING>`` says: setting -> (value, variable).

    Args:
        provider: Name of the provider.
        kinds: How each known setting reads its text; others are read as ``"any"``.
        environ: The environment.
        prefix: What the variables begin with.
        others: Names of other providers: a variable of ``my_openai`` is not one of ``my``.

    Raises:
        ConfigurationError: A variable cannot be read, or two variables contradict.
    """
    start = f"{prefix}_{variable_part(provider)}_"
    longer = tuple(
        other_start
        for other in others
        if (other_start := f"{prefix}_{variable_part(other)}_").startswith(start)
        and other_start != start
    )
    found: dict[str, tuple[Any, str]] = {}
    # Sorted, so that RETRY comes before RETRY__ATTEMPTS.
    for variable in sorted(environ):
        text = environ[variable]
        if not variable.startswith(start) or variable.startswith(longer) or not text.strip():
            continue
        setting, *inner = variable[len(start) :].lower().split("__")
        if not inner:
            found[setting] = (from_text(variable, text, kinds.get(setting, "any")), variable)
            continue
        whole = found.get(setting, ({}, ""))[0]
        if len(inner) > 1:
            raise ConfigurationError(f"{variable} reaches deeper than one level; use JSON instead")
        if not isinstance(whole, dict):
            raise ConfigurationError(
                f"{variable} reaches into {setting!r}, which another variable sets to one value"
            )
        value = from_text(variable, text, "any")
        found[setting] = ({**whole, inner[0]: value}, f"{start}{setting.upper()}")
    return found


def bruno_core_settings(
    names: Collection[str],
    kinds: Mapping[str, ValueKind],
    environ: Mapping[str, str],
    *,
    prefix: str = "BRUNO_LLM",
) -> dict[str, tuple[Any, str]]:
    """What bruno-core's variables say, when ``BRUNO_LLM_PROVIDER`` has one of these names."""
    vendor = environ.get(f"{prefix}_PROVIDER", "").strip().lower().partition("/")[0]
    if vendor not in names:
        return {}
    variables = {name: f"{prefix}_{name.upper()}" for name in kinds if name != "provider"}
    return {
        name: (from_text(variable, environ[variable], kinds[name]), variable)
        for name, variable in variables.items()
        if environ.get(variable, "").strip()
    }


def expand(value: Any, environ: Mapping[str, str], where: str, kind: ValueKind = "any") -> Any:
    """The value with every ``${VAR}`` and ``${VAR:-default}`` in its texts replaced.

    ``$${`` is a literal ``${``. A text that is one reference and nothing else takes the type that
    the setting would have from the environment; a default is used for an unset or empty variable.

    Args:
        value: Text, list or mapping from a configuration file.
        environ: The environment.
        where: Name of the setting, for the error.
        kind: How the setting reads its text.

    Raises:
        ConfigurationError: A variable is not set and the reference has no default.
    """
    if isinstance(value, Mapping):
        return {k: expand(v, environ, f"{where}.{k}") for k, v in value.items()}
    if isinstance(value, list):
        return [expand(v, environ, where, "text") for v in value]
    if not isinstance(value, str) or "${" not in value:
        return value

    def replace(match: re.Match[str]) -> str:
        name = match["name"]
        if name is None:
            return "$"
        text = environ.get(name, "")
        if not text:
            if match["default"] is None:
                raise ConfigurationError(
                    f"{where} refers to ${{{name}}}, which is not set in the environment",
                    hint=f"set {name}, or write ${{{name}:-default}}",
                )
            text = match["default"]
        return text

    whole = _REFERENCE.fullmatch(value)
    text = _REFERENCE.sub(replace, value)
    return from_text(where, text, kind) if whole and whole["name"] else text
