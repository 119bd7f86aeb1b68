"""A vendor that litellm reaches, declared."""

from __future__ import annotations

from dataclasses import replace

from bruno_llm.provider import LiteLLMProvider
from bruno_llm.vendors.model_list import ModelList
from bruno_llm.vendors.openai.vendor import COMPATIBLE


class DeepSeekProvider(LiteLLMProvider):
    """DeepSeek's models. The key is taken from ``DEEPSEEK_API_KEY`` when none is given."""

    name = "deepseek"
    prefix = "deepseek/"
    default_model = "deepseek-chat"
    vendor = replace(
        COMPATIBLE,
        models=ModelList(
            url="https://api.deepseek.com",
            path="/models",
            key_header="Authorization",
            key_prefix="Bearer ",
        ),
        api_key_env=("DEEPSEEK_API_KEY",),
        needs_key=True,
    )
