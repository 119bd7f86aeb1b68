"""litellm's routes by name, where it treats one otherwise than the next.

These are tables of litellm's and not of vendors: a route has a row whether or not its vendor is one
of ours. What is true of a vendor's route alone stands in its folder (``quirks.py``).
"""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["AZURE", "CHAT", "DEFAULT", "EMBEDDING", "FILE_SEARCH", "REFUSED", "SDK"]

DEFAULT = "openai"
"""The route of a bare name that litellm does not know."""

SDK = frozenset({"openai"})
"""Routes on which it wants OpenAI's client."""

AZURE = frozenset({"azure", "azure_text"})
"""Routes on which it wants Azure's."""

FILE_SEARCH = frozenset({"openai"})
"""Routes whose file searches have a price, which is a constant of its code."""

REFUSED: Mapping[str, tuple[str, ...]] = {
    "bytez": ("stream_options",),
    "gradient_ai": ("max_retries", "num_retries"),
    "oci": ("stream_options",),
}
"""What it refuses there (1.105 to 1.109, ``llms/*/chat/transformation.py``), although it is its own
word for what is wanted."""

_CHAT = """
    ai21 ai21_chat aiml anthropic anthropic_text apertis azure azure_ai baseten bedrock_mantle
    cerebras charity_engine chutes cloudflare codestral cognition cohere cohere_chat cometapi
    compactifai cortecs custom_openai darkbloom dashscope datarobot deepinfra deepseek
    docker_model_runner edenai empower featherless_ai fireworks_ai friendliai galadriel gemini
    github groq helicone heroku hosted_vllm huggingface hyperbolic inception lambda_ai lemonade
    libertai litellm_proxy llamafile lm_studio meta meta_llama minimax mistral modelscope
    moonshot morph nadir nano-gpt nebius neosantara novita nscale nvidia_nim ollama ollama_chat
    openai openrouter ovhcloud parasail perplexity pinstripes poe prism publicai
    qwen_ai_platform qwencloud reka sail sambanova scaleway scx-ai synthetic tencent tensormesh
    together_ai v0 vercel_ai_gateway volcengine wandb xai xiaomi_mimo xinference zai
"""
_EMBEDDING = """
    azure azure_ai cohere cohere_chat cometapi dashscope edenai fireworks_ai hosted_vllm
    infinity jina_ai litellm_proxy llamafile lm_studio mistral nebius nvidia_nim openai
    openai_like openrouter ovhcloud perplexity qwen_ai_platform qwencloud sambanova together_ai
    vercel_ai_gateway volcengine voyage wandb xinference
"""
CHAT = frozenset(_CHAT.split())
"""Routes whose chat goes through our client alone, so that litellm need not see the key.

Measured: the key goes into a header, unchanged, and the request through the client that litellm was
given (``tests/test_sealed_keys.py``). Elsewhere litellm signs with the key, sends it to another
host first, or takes a client of its own: there it is given the key itself."""

EMBEDDING = frozenset(_EMBEDDING.split())
"""The same of embeddings."""
