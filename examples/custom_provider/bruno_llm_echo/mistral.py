"""A vendor that litellm reaches, declared."""

from __future__ import annotations

from dataclasses import replace

from bruno_llm.provider import LiteLLMProvider
from bruno_llm.vendors.model_list import ModelList
from bruno_llm.vendors.registry import COMPATIBLE


class MistralProvider(LiteLLMProvider):
    """Mistral's models. The key is taken from ``MISTRAL_API_KEY`` when none is given."""

    name = "mistral"
    prefix = "mistral/"
    default_model = "mistral-small-latest"
    vendor = replace(
        COMPATIBLE,
        models=ModelList(
            url="https://api.mistral.ai/v1",
            path="/models",
            key_header="Authorization",
            key_prefix="Bearer ",
        ),
        api_key_env=("MISTRAL_API_KEY",),
        needs_key=True,
        params=frozenset({"safe_prompt"}),
    )
