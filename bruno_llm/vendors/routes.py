"""litellm's routes: their names, the variables of their keys, and which can list their models.

Data only, so that a mistyped vendor and a missing key are found without loading litellm. The
tests hold it against litellm itself. Routes whose credentials are more than one key (Azure,
Bedrock, Vertex AI, watsonx, a login in a browser) are not among ``KEY_VARIABLES``: litellm asks
for those itself.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from difflib import get_close_matches

from bruno_llm.keys import variable_part

__all__ = [
    "IN_OPENAIS_FORMAT",
    "KEY_VARIABLES",
    "LIST_MODELS",
    "ROUTES",
    "has_own_address",
    "mistyped",
]

KEY_VARIABLES: Mapping[str, tuple[str, ...]] = {
    "ai21": ("AI21_API_KEY",),
    "ai21_chat": ("AI21_API_KEY",),
    "baseten": ("BASETEN_API_KEY",),
    "cerebras": ("CEREBRAS_API_KEY",),
    "codestral": ("CODESTRAL_API_KEY",),
    "cohere": ("COHERE_API_KEY", "CO_API_KEY"),
    "cohere_chat": ("COHERE_API_KEY", "CO_API_KEY"),
    "dashscope": ("DASHSCOPE_API_KEY",),
    "deepinfra": ("DEEPINFRA_API_KEY",),
    "deepseek": ("DEEPSEEK_API_KEY",),
    "featherless_ai": ("FEATHERLESS_AI_API_KEY", "FEATHERLESS_API_KEY"),
    "fireworks_ai": (
        "FIREWORKS_API_KEY",
        "FIREWORKS_AI_API_KEY",
        "FIREWORKSAI_API_KEY",
        "FIREWORKS_AI_TOKEN",
    ),
    "friendliai": ("FRIENDLIAI_API_KEY", "FRIENDLI_TOKEN"),
    "github": ("GITHUB_API_KEY",),
    "groq": ("GROQ_API_KEY",),
    "hyperbolic": ("HYPERBOLIC_API_KEY",),
    "lambda_ai": ("LAMBDA_API_KEY",),
    "mistral": ("MISTRAL_API_KEY",),
    "moonshot": ("MOONSHOT_API_KEY",),
    "nebius": ("NEBIUS_API_KEY",),
    "novita": ("NOVITA_API_KEY",),
    "nscale": ("NSCALE_API_KEY",),
    "nvidia_nim": ("NVIDIA_NIM_API_KEY",),
    "openrouter": ("OPENROUTER_API_KEY", "OR_API_KEY"),
    "perplexity": ("PERPLEXITYAI_API_KEY", "PERPLEXITY_API_KEY"),
    "replicate": ("REPLICATE_API_KEY", "REPLICATE_API_TOKEN"),
    "sambanova": ("SAMBANOVA_API_KEY",),
    "together_ai": (
        "TOGETHERAI_API_KEY",
        "TOGETHER_API_KEY",
        "TOGETHER_AI_API_KEY",
        "TOGETHER_AI_TOKEN",
    ),
    "vercel_ai_gateway": ("VERCEL_AI_GATEWAY_API_KEY", "VERCEL_OIDC_TOKEN"),
    "volcengine": ("VOLCENGINE_API_KEY", "ARK_API_KEY"),
    "xai": ("XAI_API_KEY",),
    "zai": ("ZAI_API_KEY",),
}
"""Route -> variables that may hold its key, where there is no call without one.

The names are those that litellm 1.105 to 1.109 reads (``main.py``, ``get_llm_provider_logic.py``,
``llms/*/``)."""

LIST_MODELS = frozenset(
    re.findall(
        r"\S+",
        """
        baseten cerebras codestral custom_openai dashscope deepinfra deepseek docker_model_runner
        featherless_ai fireworks_ai friendliai groq hosted_vllm hyperbolic lambda_ai lemonade
        litellm_proxy llamafile lm_studio meta_llama mistral moonshot nebius novita nscale
        nvidia_nim openai_like openrouter perplexity sambanova together_ai vercel_ai_gateway
        volcengine xai xinference zai
        """,
    )
)
"""Routes in OpenAI's format, whose servers may answer ``GET {address}/models``."""

IN_OPENAIS_FORMAT = LIST_MODELS | {"github"}
"""Routes in OpenAI's format that want a key and an address and no more."""

# litellm 1.106, litellm.provider_list, without those that serve no chat; what is not here is no
# mistake, it is only never guessed.
_OTHERS = re.findall(
    r"\S+",
    """
    aiml amazon_nova anthropic aws azure azure_ai azure_text bedrock cloudflare clarifai
    cometapi custom databricks datarobot gemini gigachat github_copilot gradient_ai heroku
    huggingface meta minimax morph nlp_cloud oci ollama ollama_chat openai ovhcloud petals poe
    predibase publicai sagemaker sagemaker_chat sap scaleway snowflake triton v0 vertex_ai
    vertex_ai_beta vllm wandb watsonx
    """,
)
ROUTES = LIST_MODELS | KEY_VARIABLES.keys() | frozenset(_OTHERS)
"""Names that may stand before the ``/`` of a model string."""

# "opanai" is 0.83 like "openai"; names that only share an ending are below it.
_ALIKE = 0.8


def mistyped(route: str, others: frozenset[str] = frozenset()) -> str | None:
    """The route that was meant, when this one is unknown but nearly like a known one.

    Args:
        route: What stands before the ``/``.
        others: Further names that are known.
    """
    known = ROUTES | others
    name = route.lower()
    if name in known or not re.fullmatch(r"[\w-]+", name):
        return None
    near = get_close_matches(name, sorted(known), n=1, cutoff=_ALIKE)
    return near[0] if near else None


def has_own_address(route: str) -> bool:
    """Whether the environment names another address than the vendor's for a route."""
    part = variable_part(route)
    return any(os.environ.get(f"{part}{end}") for end in ("_API_BASE", "_BASE_URL"))
