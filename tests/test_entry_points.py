"""How bruno-core finds the providers: by its registry, without arguments."""

from __future__ import annotations

from importlib.metadata import entry_points

import pytest
from bruno_core.interfaces.llm import LLMInterface
from bruno_core.registry.llm_registry import LLMProviderRegistry

import bruno_llm

pytestmark = pytest.mark.usefixtures("no_keys")

CLASSES = {
    "ollama": bruno_llm.OllamaProvider,
    "claude": bruno_llm.ClaudeProvider,
    "openai": bruno_llm.OpenAIProvider,
    "gemini": bruno_llm.GeminiProvider,
    "litellm": bruno_llm.LiteLLMProvider,
}


@pytest.fixture(scope="module")
def registry() -> LLMProviderRegistry:
    if not entry_points(group="bruno.llm_providers"):
        pytest.skip("the package runs from its source without being installed")
    found = LLMProviderRegistry()
    found.discover_plugins()
    return found


@pytest.mark.parametrize("name", CLASSES)
def test_the_registry_finds_it(registry: LLMProviderRegistry, name: str) -> None:
    found = registry.get(name)
    assert found is not None
    assert found.plugin_class is CLASSES[name]
    assert issubclass(found.plugin_class, LLMInterface)


@pytest.mark.parametrize("name", ["ollama", "claude", "openai", "gemini"])
def test_it_is_made_without_arguments_and_without_a_key(
    registry: LLMProviderRegistry, name: str
) -> None:
    instance = registry.get_instance(name)
    assert isinstance(instance, CLASSES[name])
    assert instance.model == CLASSES[name].default_model


def test_the_generic_one_takes_any_model(registry: LLMProviderRegistry) -> None:
    instance = registry.get_instance("litellm", model="groq/llama-3.3-70b-versatile")
    assert instance.model == "groq/llama-3.3-70b-versatile"


async def test_the_generic_one_without_a_model_says_so_at_its_first_call(
    registry: LLMProviderRegistry,
) -> None:
    instance = registry.get_instance("litellm")
    assert isinstance(instance, bruno_llm.LiteLLMProvider)
    assert instance.get_model_info()["model"] == ""
    question = [{"role": "user", "content": "Hi"}]
    with pytest.raises(bruno_llm.ConfigurationError, match="needs a model"):
        await instance.generate(question)
    with pytest.raises(bruno_llm.ConfigurationError, match="needs a model"):
        await anext(instance.stream(question))
    with pytest.raises(bruno_llm.ConfigurationError, match="needs a model"):
        await instance.list_models()
    assert not await instance.check_connection()


def test_arguments_reach_the_constructor(registry: LLMProviderRegistry) -> None:
    instance = registry.get_instance("openai", model="gpt-5-mini", temperature=0.5)
    assert (instance.model, instance.temperature) == ("gpt-5-mini", 0.5)
