"""Which calls litellm makes through our client alone, so that it need not see the key.

Measured: on these routes the key goes into a header, unchanged, and the request through the client
that litellm was given (``tests/test_sealed_keys.py``). Elsewhere litellm signs with the key, sends
it to another host first, or takes a client of its own: there it is given the key itself.
"""

from __future__ import annotations

from bruno_llm._litellm.facts import model_facts

__all__ = ["CHAT", "EMBEDDING", "is_sealed"]

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
EMBEDDING = frozenset(_EMBEDDING.split())


def is_sealed(route: str, model: str, *, embedding: bool = False) -> bool:
    """Whether litellm is given a stand-in of the key for this call.

    Models of the Responses API are asked by another part of litellm, on most routes with a client
    of its own (``responses_api_bridge_check`` in its ``main.py``).
    """
    if embedding:
        return route in EMBEDDING
    if route not in CHAT or "/responses/" in model:
        return False
    return model_facts(model, route).get("mode") != "responses"
