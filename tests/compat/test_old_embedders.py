"""The embedders and the embedding factory of 0.2.0."""

from __future__ import annotations

import pytest

import bruno_llm
from bruno_llm import (
    ConfigurationError,
    Retry,
)
from bruno_llm.testing import FakeServer, embedding_of
from tests.compat.former import HELLO, base, old

pytestmark = pytest.mark.usefixtures("no_keys")


async def test_the_old_embedders_embed(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    factory = old("bruno_llm.embedding_factory", "EmbeddingFactory")
    openai = factory.create(
        "openai", {"api_key": "k", "organization": "org"}, base_url=server.base_url("openai")
    )
    assert (openai.model, openai.get_dimension()) == ("text-embedding-ada-002", 1536)
    assert await openai.embed_texts(["one", "two"]) == [
        pytest.approx(embedding_of(text, 8)) for text in ("one", "two")
    ]
    assert server.requests[-1].headers["openai-organization"] == "org"
    assert openai.retry == Retry(attempts=4)

    monkeypatch.setenv("OPENAI_API_KEY", "k")
    monkeypatch.setenv("OPENAI_EMBEDDING_MODEL", "text-embedding-3-large")
    monkeypatch.setenv("BRUNO_LLM_OPENAI_EMBEDDING_DIMENSIONS", "256")
    monkeypatch.setenv("BRUNO_LLM_OPENAI_EMBEDDING_ORG_ID", "org")
    monkeypatch.setenv("EMBEDDING_BATCH_SIZE", "5")
    found = factory.create_from_env("openai")
    assert (found.model, found.get_dimension()) == ("text-embedding-3-large", 256)
    assert (found.organization, found.get_max_batch_size()) == ("org", 5)
    monkeypatch.setenv("OLLAMA_BASE_URL", server.base_url("ollama"))
    ollama = factory.create_from_env("ollama")
    assert len(await ollama.embed_text("one")) == 8
    monkeypatch.setenv("EMBEDDING_BATCH_SIZE", "many")
    with pytest.raises(ConfigurationError, match="BATCH_SIZE must be a number"):
        factory.create_from_env("openai")
    monkeypatch.delenv("EMBEDDING_BATCH_SIZE")
    assert factory.create_from_env("gemini").model == "gemini-embedding-001"


def test_the_embedding_factory(monkeypatch: pytest.MonkeyPatch) -> None:
    factory = old("bruno_llm.embedding_factory", "EmbeddingFactory")
    monkeypatch.setattr(factory, "_providers", dict(factory._providers))
    assert factory.list_providers() == ["gemini", "ollama", "openai"]
    assert factory.get_provider_info("openai")["class_name"] == "OpenAIEmbeddingProvider"
    with pytest.raises(ConfigurationError, match="'nobody' not found; there are gemini, ollama"):
        factory.create("nobody")
    with pytest.raises(ConfigurationError, match="no option 'colour'"):
        factory.create("openai", colour=1)
    factory.register("Own", lambda wanted: bruno_llm.OllamaEmbedder(wanted, retry=None))
    assert factory.is_registered("own")
    with pytest.raises(ConfigurationError, match="Failed to create embedding provider 'own'"):
        factory.create("own")
    assert factory.create("own", wanted="m").get_model_name() == "m"


async def test_sums_with_vectors() -> None:
    class Own(base("BaseEmbeddingProvider")):  # type: ignore[misc]
        async def embed_text(self, text: str) -> list[float]:
            return [float(len(text)), 1.0]

        def get_dimension(self) -> int:
            return 2

        async def check_connection(self) -> bool:
            return True

    own = Own("m", timeout=2, more=1)
    assert (own.get_model_name(), own.timeout, own.config) == ("m", 2, {"more": 1})
    assert await own.embed_texts(["a", "bc"]) == [[1, 1], [2, 1]]
    assert await own.embed_message(HELLO[0]) == [5, 1]
    assert own.calculate_similarity([1, 0], [-1, 0]) == -1
    assert own.calculate_similarity([0, 0], [1, 0]) == 0
    with pytest.raises(ValueError, match="vectors of 1 and 2"):
        own.calculate_similarity([1], [1, 2])
    found = own.find_most_similar([1, 0], [[0, 1], [1, 0], [1, 1]], top_k=2)
    assert [place for place, _ in found] == [1, 2]
    assert own.average_embeddings([[1, 2], [3, 4]]) == [2, 3]
    assert own.weighted_average_embeddings([[1, 2], [3, 4]], [0.25, 0.75]) == [2.5, 3.5]
    for wrong in ([[], []], [[[1]], [1, 2]], [[[1]], [0]]):
        with pytest.raises(ValueError, match="give vectors"):
            own.weighted_average_embeddings(*wrong)
    numpy = pytest.importorskip("numpy")
    table = own.batch_cosine_similarity([[1, 0], [0, 1]], [[1, 0]])
    assert numpy.array_equal(table, [[1], [0]])
    own.validate_embedding([1.0, 2.0])
    for vector, says in (
        ([], "not an empty one"),
        ([float("nan"), 1], "NaN"),
        ([float("inf"), 1], "infinite"),
        ([1.0], "dimension mismatch: 1 numbers, not 2"),
    ):
        with pytest.raises(ValueError, match=says):
            own.validate_embedding(vector)
