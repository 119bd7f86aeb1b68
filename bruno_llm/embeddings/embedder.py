"""``LiteLLMEmbedder``: texts as vectors, over the same call path as chat."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from bruno_core.interfaces.embedding import EmbeddingInterface
from bruno_core.models.message import Message
from pydantic import SecretStr

from bruno_llm import _litellm
from bruno_llm.call.endpoint import Endpoint
from bruno_llm.call.send import send
from bruno_llm.completion import Completion, Usage
from bruno_llm.config.given import policy
from bruno_llm.costs.tracker import CostTracker
from bruno_llm.embeddings.batch import Batch
from bruno_llm.embeddings.vectors import Vectors, in_order, vector
from bruno_llm.exceptions import (
    ConfigurationError,
    ContextLengthExceededError,
    EmptyResponseError,
    InvalidRequestError,
    ServiceUnavailableError,
)
from bruno_llm.options.call import EmbeddingOptions, names_of
from bruno_llm.options.checks import Count, check
from bruno_llm.options.params import check_names, check_options, present
from bruno_llm.policies.retry import Retry
from bruno_llm.policies.timeouts import Timeout
from bruno_llm.rate_limit.limit import RateLimit
from bruno_llm.redaction import hidden, keeps_secrets
from bruno_llm.vendors.model_list import ModelList
from bruno_llm.vendors.vectors import VectorEndpoint
from bruno_llm.wire.bodies import MAX_RESPONSE_BYTES
from bruno_llm.wire.exchange import Exchange
from bruno_llm.wire.reading import read_usage

__all__ = ["LiteLLMEmbedder"]

_PARAMS = names_of(EmbeddingOptions)
# Batches of one call under way at once; the rate limit's slots may make it fewer.
_AT_ONCE = 4


class LiteLLMEmbedder(Endpoint, EmbeddingInterface):
    """Every embedding model litellm reaches, on bruno-core's ``EmbeddingInterface``.

    Long lists are split into batches that the vendor takes, sent side by side, and come back in
    order. Errors, keys, retries, limits and costs are those of the chat providers.

    Args:
        model: A litellm model string, or the bare name for a named embedder.
        api_key: As for the providers.
        base_url: As for the providers.
        timeout: Seconds, or a ``Timeout``, for each batch.
        retry: What to do after passing failures, batch by batch: a ``Retry`` or the number of
            tries; ``None`` for one try.
        rate_limit: A ``RateLimit`` or the requests per minute; ``None`` for no limit.
        costs: Books every batch and keeps budgets: a ``CostTracker`` or a budget in US dollars.
        dimensions: Ask for vectors of this length, where the model can shorten them.
        batch_size: Texts in one request; the vendor's limit when not given.
        max_response_bytes: As for the providers.
        params: ``encoding_format``, ``user``, ``input_type``, ``extra_headers``, ``extra_body``.

    Raises:
        ConfigurationError: No model, an unknown option, or a value that cannot be right.
    """

    kind = "embedding"
    max_batch_size: ClassVar[int | None] = None
    max_batch_tokens: ClassVar[int | None] = None
    dimensions_of: ClassVar[Mapping[str, int]] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "vendor" in vars(cls) and cls.vendor is not None:
            for limit in {"max_batch_size", "max_batch_tokens", "dimensions_of"} - vars(cls).keys():
                setattr(cls, limit, getattr(cls.vendor.vector_limits, limit))

    @keeps_secrets
    def __init__(
        self,
        model: str | None = None,
        *,
        api_key: str | SecretStr | None = None,
        base_url: str | None = None,
        timeout: Timeout | Mapping[str, float | None] | float | None = 60.0,
        retry: (
            Retry | Mapping[str, Any] | int | None
        ) = Retry(),  # noqa: B008  frozen, so it can be shared
        rate_limit: RateLimit | Mapping[str, Any] | float | None = None,
        costs: CostTracker | Mapping[str, Any] | float | None = None,
        dimensions: int | None = None,
        batch_size: int | None = None,
        max_response_bytes: int | None = MAX_RESPONSE_BYTES,
        **params: Any,
    ) -> None:
        owner = f"{type(self).__name__}()"
        check_names(params, _PARAMS, owner)
        check_options(params, owner)
        super().__init__(
            model,
            api_key=api_key,
            base_url=base_url,
            timeout=timeout,
            retry=policy("retry", retry, owner),
            rate_limit=policy("rate_limit", rate_limit, owner),
            costs=policy("costs", costs, owner),
            max_response_bytes=max_response_bytes,
        )
        self._refuse_mistyped_route(params)
        check("dimensions", dimensions, Count | None, type(self).__name__)
        check("batch_size", batch_size, Count | None, type(self).__name__)
        check("max_response_bytes", max_response_bytes, Count | None, type(self).__name__)
        self._dimensions = dimensions
        self._probed: int | None = None
        self._batch_size = batch_size
        self._params = hidden(params)

    async def embed_text(self, text: str) -> list[float]:
        """The vector of one text.

        Raises:
            LLMError: See ``bruno_llm.exceptions``.
        """
        return (await self.embed_texts([text]))[0]

    async def embed_texts(self, texts: Sequence[str]) -> list[list[float]]:
        """The vectors of many texts, in their order.

        Raises:
            InvalidRequestError: A text is empty, or this is not a list of texts.
            ContextLengthExceededError: One text alone is longer than the model takes.
            LLMError: See ``bruno_llm.exceptions``. One failed batch fails the whole.
        """
        if isinstance(texts, str):
            raise InvalidRequestError("texts must be a list; for one text use embed_text()")
        for place, text in enumerate(texts):
            if not isinstance(text, str) or not text.strip():
                raise InvalidRequestError(f"text {place} is empty or no text", self.name)
        if not texts:
            return []
        self._require_model()
        api_key = await self._key(self._address()[0], self.timeout)
        await _litellm.load(self._litellm_model, self._quirks)
        if not self._counter.loaded:
            await _litellm.off_loop(self._counter.load)
        places = asyncio.Semaphore(_AT_ONCE)

        async def one(batch: Sequence[str], tokens: int) -> list[list[float]]:
            async with places:
                return await self._embed(batch, tokens, api_key)

        tasks = [asyncio.ensure_future(one(*batch)) for batch in self._batches(texts)]
        try:
            parts = await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
        return [vector for part in parts for vector in part]

    async def embed_batch(self, texts: Sequence[str]) -> list[list[float]]:
        """The same as ``embed_texts()``, by the name that bruno-memory calls."""
        return await self.embed_texts(texts)

    async def embed_message(self, message: Message) -> list[float]:
        """The vector of a message's text."""
        return await self.embed_text(message.content)

    def get_dimension(self) -> int:
        """The length of the vectors: asked for, known of the model, or seen on the first call.

        Raises:
            ConfigurationError: Nobody knows yet: embed something first, or ``await probe()``.
        """
        facts = _litellm.model_facts(self._litellm_model, self._route)
        bare = self.model.rsplit("/", 1)[-1].removesuffix(":latest")
        known = (
            self._dimensions
            or self._probed
            or self.dimensions_of.get(bare)
            or facts.get("output_vector_size")
        )
        if not known:
            raise ConfigurationError(
                f"the dimension of {self.model} is not known before its first call",
                self.name,
                model=self.model,
                hint="await embedder.probe() once, or give dimensions=...",
            )
        return int(known)

    async def probe(self) -> int:
        """The length of the vectors, found by embedding one word if nobody knows it."""
        try:
            return self.get_dimension()
        except ConfigurationError:
            await self.embed_text("dimension")
            return self.get_dimension()

    def get_model_name(self) -> str:
        """The model's name as the vendor writes it."""
        return self.model

    def calculate_similarity(
        self, embedding1: Sequence[float], embedding2: Sequence[float]
    ) -> float:
        """Cosine similarity of two vectors, 0 (nothing in common or opposed) to 1 (the same).

        Raises:
            InvalidRequestError: The vectors have different lengths, or none.
        """
        if len(embedding1) != len(embedding2) or not embedding1:
            raise InvalidRequestError(
                f"vectors of {len(embedding1)} and {len(embedding2)} numbers cannot be compared"
            )
        one, two = math.hypot(*embedding1), math.hypot(*embedding2)
        if not one or not two:
            return 0.0
        pairs = zip(embedding1, embedding2, strict=True)
        # Divided first: the squares of very small or very large numbers leave a float's range.
        return min(1.0, max(0.0, math.fsum((a / one) * (b / two) for a, b in pairs)))

    def supports_batch(self) -> bool:
        """True: many texts take few requests."""
        return True

    def get_max_batch_size(self) -> int | None:
        """Texts in one request; longer lists are split."""
        return self._batch_size or self.max_batch_size

    def _batches(self, texts: Sequence[str]) -> list[tuple[Sequence[str], int]]:
        """The texts in requests that the vendor takes, each with its tokens."""
        counter = self._counter
        longest = _litellm.model_facts(self._litellm_model, self._route).get("max_input_tokens")
        most, most_tokens = self.get_max_batch_size(), self.max_batch_tokens
        batches: list[tuple[list[str], int]] = []
        for place, text in enumerate(texts):
            tokens = counter.text(text)
            if counter.exact and longest and tokens > longest:
                raise ContextLengthExceededError(
                    f"text {place} has {tokens} tokens, the model takes {longest}",
                    self.name,
                    model=self.model,
                )
            last, used = batches[-1] if batches else ([], 0)
            full = most is not None and len(last) >= most
            heavy = most_tokens is not None and used + tokens > most_tokens
            if not batches or full or heavy:
                batches.append(([text], tokens))
            else:
                last.append(text)
                batches[-1] = (last, used + tokens)
        return [*batches]

    async def _embed(
        self, texts: Sequence[str], tokens: int, api_key: SecretStr | None
    ) -> list[list[float]]:
        async with Batch(self, texts, self._params, tokens, api_key) as call:
            vectors = await send(call, self._try)
        self._probed = len(vectors[0])
        return vectors

    async def _try(self, call: Batch) -> list[list[float]]:
        response = await self._ask(call, call.exchange)
        vectors = [vector(item) for item in in_order(response.data or [])]
        if len(vectors) != len(call.texts):
            raise ServiceUnavailableError(
                f"{len(vectors)} vectors came back for {len(call.texts)} texts",
                self.name,
                model=self.model,
            )
        if not all(vectors):
            raise EmptyResponseError("a vector is empty", self.name, model=self.model)
        usage = read_usage(response.usage)
        if not usage.prompt_tokens:
            usage = Usage(call.tokens, 0, call.tokens, estimated=True)
        model = response.model or self.model
        cost = self._pricing.cost(usage, model, self.model)
        call.done = Completion(usage=usage, cost=cost, model=model, provider=self.name)
        return vectors

    async def _ask(self, call: Batch, exchange: Exchange) -> Any:
        vendor = self.vendor
        if vendor is not None and vendor.models is not None and vendor.vectors is not None:
            return await self._ask_vendor(vendor.vectors, vendor.models, call, exchange)
        answer = await _litellm.embedding(
            self._clients,
            exchange,
            {
                "model": self._litellm_model,
                "input": list(call.texts),
                "api_base": call.base_url,
                "timeout": call.timeout.read,
                "dimensions": self._dimensions,
                **present(self._params),
            },
            self._quirks,
        )
        # litellm counts itself where the vendor sends no numbers.
        if exchange.body and b'"usage' not in exchange.body:
            return Vectors(answer.data, {}, answer.model)
        return answer

    async def _ask_vendor(
        self, own: VectorEndpoint, where: ModelList, call: Batch, exchange: Exchange
    ) -> Vectors:
        url = (call.base_url or where.url) + own.path(self.model)
        body = own.body(self.model, call.texts, self._dimensions, self._params)
        headers = where.headers_with(call.api_key)
        clients = await self._clients.get()
        more: Mapping[str, str] = self._params.get("extra_headers") or {}
        extra: Mapping[str, Any] = self._params.get("extra_body") or {}
        async with clients.http.watching(exchange):
            answer = await clients.http.post(
                url, json={**body, **extra}, headers={**headers, **more}
            )
        answer.raise_for_status()
        payload = exchange.payload()
        if not isinstance(payload, dict) or not isinstance(payload.get("embeddings"), list):
            exchange.facts.fault = "there are no embeddings in it"
            raise ValueError("there are no embeddings in it")
        vectors, told = own.read(payload)
        used = told if type(told) is int and told > 0 else 0
        usage = {"prompt_tokens": used, "total_tokens": used}
        data = [{"embedding": one} for one in vectors]
        return Vectors(data, usage, str(payload.get("model") or self.model))
