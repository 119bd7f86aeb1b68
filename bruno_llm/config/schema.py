"""The JSON schema of a configuration, for forms and editors."""

from __future__ import annotations

from typing import Any

from bruno_llm.config.names import VENDOR_PARAMS
from bruno_llm.config.settings import ProviderConfig

__all__ = ["config_schema"]


def config_schema() -> dict[str, Any]:
    """The JSON schema of a configuration, for forms and editors.

    It describes a file with one configuration or with profiles; the former alone is at
    ``$defs.ProviderConfig``.
    """
    schema = ProviderConfig.model_json_schema(ref_template="#/$defs/{model}")
    definitions = schema.pop("$defs")
    # A model that refers to itself is a reference into the definitions already.
    one = definitions["ProviderConfig"]
    one["properties"] |= {
        name: {"description": "parameter of the vendor"} for name in VENDOR_PARAMS
    }
    one["required"] = []
    reference = {"$ref": "#/$defs/ProviderConfig"}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "bruno-llm configuration",
        "$defs": definitions,
        "if": {"type": "object", "required": ["profiles"]},
        "then": {
            "type": "object",
            "properties": {
                "default_profile": {"type": "string"},
                "defaults": reference,
                "profiles": {
                    "type": "object",
                    "minProperties": 1,
                    "additionalProperties": reference,
                },
            },
            "additionalProperties": False,
        },
        "else": reference,
    }
