"""0.2.0's base of embedders, for classes of one's own and for annotations."""

from __future__ import annotations

import math
from abc import ABC
from collections.abc import Sequence
from importlib import import_module
from typing import Any

from bruno_core.interfaces.embedding import EmbeddingInterface
from bruno_core.models.message import Message

from bruno_llm.embeddings.embedder import LiteLLMEmbedder

__all__ = ["BaseEmbeddingProvider", "VectorTools"]

Vector = Sequence[float]


class VectorTools(EmbeddingInterface, ABC):
    """The sums with vectors that 0.2.0's embedders offered; today's keep ``calculate_similarity``.

    Those that gave a numpy array need numpy.
    """

    def calculate_similarity(self, embedding1: Vector, embedding2: Vector) -> float:
        """Cosine similarity, -1 (opposed) to 1 (the same); 0 where there is nothing to compare.

        Raises:
            ValueError: The vectors have different lengths.
        """
        if len(embedding1) != len(embedding2):
            raise ValueError(f"vectors of {len(embedding1)} and {len(embedding2)} numbers")
        one, two = math.hypot(*embedding1), math.hypot(*embedding2)
        if not one or not two:
            return 0.0
        pairs = zip(embedding1, embedding2, strict=True)
        return min(1.0, max(-1.0, math.fsum((a / one) * (b / two) for a, b in pairs)))

    def batch_cosine_similarity(
        self, embeddings1: Sequence[Vector], embeddings2: Sequence[Vector]
    ) -> Any:
        """The similarity of each vector with each of the others, as a numpy array.

        Returns:
            One row for each of the first vectors, one column for each of the second.

        Raises:
            ImportError: numpy is not installed.
        """
        rows = [[self.calculate_similarity(a, b) for b in embeddings2] for a in embeddings1]
        return import_module("numpy").array(rows)

    def find_most_similar(
        self,
        query_embedding: Vector,
        candidate_embeddings: Sequence[Vector],
        top_k: int | None = None,
    ) -> list[tuple[int, float]]:
        """Places and similarities of the candidates, the most similar first."""
        found = [
            (place, self.calculate_similarity(query_embedding, candidate))
            for place, candidate in enumerate(candidate_embeddings)
        ]
        return sorted(found, key=lambda pair: -pair[1])[:top_k]

    def average_embeddings(self, embeddings: Sequence[Vector]) -> list[float]:
        """The mean of vectors.

        Raises:
            ValueError: There are none, or they have different lengths.
        """
        return self.weighted_average_embeddings(embeddings, [1.0] * len(embeddings))

    def weighted_average_embeddings(
        self, embeddings: Sequence[Vector], weights: Sequence[float]
    ) -> list[float]:
        """The mean of vectors, each with its weight.

        Raises:
            ValueError: There are none, not as many weights, or only zeros as weights.
        """
        total = math.fsum(weights)
        if not embeddings or len(embeddings) != len(weights) or not total:
            raise ValueError("give vectors, and a weight for each that is not 0 in sum")
        columns = zip(*embeddings, strict=True)
        return [
            math.fsum(number * weight for number, weight in zip(column, weights, strict=True))
            / total
            for column in columns
        ]

    def validate_embedding(
        self, embedding: list[float], expected_dimension: int | None = None
    ) -> None:
        """Refuse what is no vector of this model.

        Raises:
            ValueError: It is no list, empty, of another length, or holds what is no number.
        """
        if not isinstance(embedding, list) or not embedding:
            raise ValueError("the embedding must be a list of numbers, and not an empty one")
        if any(math.isnan(number) for number in embedding):
            raise ValueError("the embedding has NaN values")
        if any(math.isinf(number) for number in embedding):
            raise ValueError("the embedding has infinite values")
        wanted = expected_dimension or self.get_dimension()
        if len(embedding) != wanted:
            raise ValueError(f"dimension mismatch: {len(embedding)} numbers, not {wanted}")


class BaseEmbeddingProvider(VectorTools):
    """What an embedder of one's own shared with the others.

    The embedders of this package count as subclasses.

    Args:
        model: The model's name.
        timeout: Seconds; kept for the subclass.
        kwargs: Kept for the subclass.
    """

    def __init__(self, model: str, timeout: float = 30.0, **kwargs: Any) -> None:
        self.model = model
        self.timeout = timeout
        self.config = kwargs

    async def embed_texts(self, texts: Sequence[str]) -> list[list[float]]:
        """The vectors of texts, asked for one after the other."""
        return [await self.embed_text(text) for text in texts]

    async def embed_message(self, message: Message) -> list[float]:
        """The vector of a message's text."""
        vector: list[float] = await self.embed_text(message.content)
        return vector

    def get_model_name(self) -> str:
        """The model's name."""
        return self.model


BaseEmbeddingProvider.register(LiteLLMEmbedder)
