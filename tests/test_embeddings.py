"""The embedders: bruno-core's interface, batches, policies and errors, on real servers."""

from __future__ import annotations

import asyncio
import base64
import json
import math
import struct
import threading
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest
from bruno_core.interfaces.embedding import EmbeddingInterface
from bruno_core.models.message import Message, MessageRole

from bruno_llm import (
    CostTracker,
    GeminiEmbedder,
    LiteLLMEmbedder,
    OllamaEmbedder,
    OpenAIEmbedder,
    RateLimit,
    Retry,
)
from bruno_llm.demo.engine import Engine
from bruno_llm.exceptions import (
    AuthenticationError,
    BudgetExceededError,
    ConfigurationError,
    ContextLengthExceededError,
    EmptyResponseError,
    InvalidRequestError,
    LLMError,
    ModelNotFoundError,
    ProviderConnectionError,
    RateLimitError,
    RequestTimeoutError,
    ServiceUnavailableError,
)
from bruno_llm.testing import FakeServer, Fault, MovedClock, Raw, Reply, embedding_of
from tests.wire import load

KEY = "a-key-that-nobody-may-see"
KINDS = {"openai": OpenAIEmbedder, "gemini": GeminiEmbedder, "ollama": OllamaEmbedder}
every_vendor = pytest.mark.parametrize("vendor", KINDS)
Make = Callable[..., Any]


# Kept until the event loop has ended, which closes their connections.
_alive: list[Any] = []


@pytest.fixture
def make(server: FakeServer) -> Make:
    def make(vendor: str = "openai", model: str | None = None, **options: Any) -> Any:
        options = {"api_key": KEY, "retry": None, "base_url": server.base_url(vendor), **options}
        _alive.append(KINDS[vendor](model, **options))
        return _alive[-1]

    return make


def inputs(server: FakeServer) -> list[list[str]]:
    """The texts of each request, as the server got them."""
    texts = []
    for request in server.requests:
        if request.vendor == "gemini":
            asked = request.json.get("requests") or [request.json]
            texts.append([one["content"]["parts"][0]["text"] for one in asked])
        else:
            given = request.json["input"]
            texts.append([given] if isinstance(given, str) else given)
    return texts


def openai_body(*vectors: Any, **more: Any) -> Raw:
    data = [{"object": "embedding", "index": i, "embedding": v} for i, v in enumerate(vectors)]
    body = {"object": "list", "data": data, "model": "m-1", **more}
    return Raw(200, {"content-type": "application/json"}, _json(body))


def _json(body: Any) -> bytes:
    return json.dumps(body).encode()


# --- the interface ----------------------------------------------------------------------------


@every_vendor
async def test_all_methods_of_the_interface(make: Make, server: FakeServer, vendor: str) -> None:
    embedder = make(vendor)
    assert isinstance(embedder, EmbeddingInterface)
    assert await embedder.embed_text("one") == pytest.approx(embedding_of("one"))
    both = await embedder.embed_texts(["one", "two"])
    assert both == [pytest.approx(embedding_of(text)) for text in ("one", "two")]
    message = Message(role=MessageRole.USER, content="three")
    assert await embedder.embed_message(message) == pytest.approx(embedding_of("three"))
    assert embedder.get_dimension() == 8
    assert embedder.get_model_name() == embedder.default_model
    assert embedder.calculate_similarity(both[0], both[0]) == pytest.approx(1.0)
    assert embedder.supports_batch() is True
    assert embedder.get_max_batch_size() == embedder.max_batch_size
    server.models[vendor] = ["another-one", "and-another"]
    assert await embedder.check_connection() is False
    server.models[vendor] = [embedder.default_model]
    assert await embedder.check_connection() is True
    assert {request.key for request in server.requests} == {KEY}


@every_vendor
async def test_the_samples_of_the_vendors_give_their_vectors(
    make: Make, server: FakeServer, vendor: str
) -> None:
    sample = load(vendor, "embeddings")
    server.script(sample.raw())
    vectors = await make(vendor).embed_texts(["one", "two"])
    assert vectors == [pytest.approx(vector) for vector in sample.expected["vectors"]]


async def test_nothing_to_embed_sends_nothing(make: Make, server: FakeServer) -> None:
    assert await make().embed_texts([]) == []
    assert server.requests == []


@pytest.mark.parametrize("texts", ["one", ["one", ""], ["  "], [3], [None]])
async def test_what_is_no_text_is_refused_without_a_request(
    make: Make, server: FakeServer, texts: Any
) -> None:
    with pytest.raises(InvalidRequestError):
        await make().embed_texts(texts)
    assert server.requests == []


# litellm shows the OpenAI SDK's answer to pydantic, which expects numbers there.
in_base64 = pytest.mark.filterwarnings("ignore:Pydantic serializer warnings:UserWarning")


@in_base64
async def test_a_vector_in_base64_is_the_same_vector(make: Make, server: FakeServer) -> None:
    packed = await make(encoding_format="base64").embed_text("one")
    assert server.requests[-1].json["encoding_format"] == "base64"
    assert packed == pytest.approx(embedding_of("one"))


@in_base64
async def test_a_server_that_answers_in_base64_unasked_is_understood(
    make: Make, server: FakeServer
) -> None:
    packed = base64.b64encode(struct.pack("<2f", 0.5, -2.0)).decode()
    server.script(openai_body(packed, usage={"prompt_tokens": 1, "total_tokens": 1}))
    assert await make(encoding_format="base64").embed_text("one") == [0.5, -2.0]


async def test_vectors_come_back_in_the_order_of_their_index(
    make: Make, server: FakeServer
) -> None:
    data = [{"object": "embedding", "index": i, "embedding": [float(i)]} for i in (2, 0, 1)]
    body = {"object": "list", "data": data, "model": "m"}
    server.script(Raw(200, {"content-type": "application/json"}, _json(body)))
    assert await make().embed_texts(["a", "b", "c"]) == [[0.0], [1.0], [2.0]]


# --- dimension and similarity -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "model", "dimension"),
    [
        (OpenAIEmbedder, None, 1536),
        (OpenAIEmbedder, "text-embedding-3-large", 3072),
        (GeminiEmbedder, None, 3072),
        (OllamaEmbedder, "nomic-embed-text:latest", 768),
        (OllamaEmbedder, "all-minilm", 384),
        (LiteLLMEmbedder, "mistral/mistral-embed", None),
        (OllamaEmbedder, "nobody-knows", None),
    ],
)
def test_the_dimension_of_a_known_model_needs_no_request(
    kind: Any, model: str | None, dimension: int | None
) -> None:
    embedder = kind(model)
    if dimension is None:
        with pytest.raises(ConfigurationError, match="probe"):
            embedder.get_dimension()
    else:
        assert embedder.get_dimension() == dimension


@every_vendor
async def test_the_dimension_of_an_unknown_model_is_probed_once(
    make: Make, server: FakeServer, vendor: str
) -> None:
    embedder = make(vendor, "nobody-knows")
    assert await embedder.probe() == 8
    assert await embedder.probe() == 8
    assert len(server.requests) == 1


@every_vendor
async def test_the_dimension_can_be_asked_for(make: Make, vendor: str) -> None:
    embedder = make(vendor, dimensions=4)
    assert embedder.get_dimension() == 4
    assert await embedder.embed_text("one") == pytest.approx(embedding_of("one", 4))


@pytest.mark.parametrize(
    ("one", "two", "similarity"),
    [
        ([1.0, 0.0], [2.0, 0.0], 1.0),
        ([1.0, 0.0], [0.0, 1.0], 0.0),
        ([1.0, 0.0], [-1.0, 0.0], 0.0),
        ([1.0, 1.0], [1.0, 0.0], math.sqrt(0.5)),
        ([0.0, 0.0], [1.0, 0.0], 0.0),
        ([1e-200, 1e-200], [1e-200, 1e-200], 1.0),
        ([1e200, 1e200], [1e200, 1e200], 1.0),
    ],
)
def test_similarity_is_between_0_and_1(
    one: list[float], two: list[float], similarity: float
) -> None:
    assert OpenAIEmbedder().calculate_similarity(one, two) == pytest.approx(similarity)


@pytest.mark.parametrize(("one", "two"), [([1.0], [1.0, 2.0]), ([], [])])
def test_vectors_that_do_not_fit_are_not_compared(one: list[float], two: list[float]) -> None:
    with pytest.raises(InvalidRequestError, match="cannot be compared"):
        OpenAIEmbedder().calculate_similarity(one, two)


# --- batches ----------------------------------------------------------------------------------


@every_vendor
async def test_long_lists_are_split_and_come_back_in_order(
    make: Make, server: FakeServer, vendor: str
) -> None:
    texts = [f"text {number}" for number in range(10)]
    vectors = await make(vendor, batch_size=3).embed_texts(texts)
    assert vectors == [pytest.approx(embedding_of(text)) for text in texts]
    assert sorted(len(batch) for batch in inputs(server)) == [1, 3, 3, 3]
    assert sorted(text for batch in inputs(server) for text in batch) == sorted(texts)


async def test_batches_hold_no_more_tokens_than_the_vendor_takes(
    make: Make, server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(OpenAIEmbedder, "max_batch_tokens", 5)
    embedder = make()
    await embedder.embed_texts(["a b c", "d e", "f", "g h i j k l m", "n"])
    assert sorted(inputs(server)) == [["a b c", "d e"], ["f"], ["g h i j k l m"], ["n"]]


async def test_batches_go_side_by_side_but_not_all_at_once(make: Make, server: FakeServer) -> None:
    server.default = Reply(gate=(gate := server.gate()))
    task = asyncio.ensure_future(make(batch_size=1).embed_texts(list("abcdefgh")))
    await server.wait_for(lambda: len(server.requests) == 4)
    gate.set()
    assert len(await task) == 8
    assert server.peak == 4


async def test_a_rate_limit_bounds_the_batches_too(make: Make, server: FakeServer) -> None:
    limited = make(batch_size=1, rate_limit=RateLimit(concurrency=2))
    await limited.embed_texts(list("abcdef"))
    assert server.peak <= 2


async def test_one_failed_batch_fails_the_whole_and_ends_the_others(
    make: Make, server: FakeServer
) -> None:
    breaks = server.gate()
    server.script(Fault.reset_stream(gate=breaks))
    server.default = Reply(gate=server.gate())
    task = asyncio.ensure_future(make(batch_size=1).embed_texts(list("abcd")))
    await server.wait_for(lambda: len(server.requests) == 4)
    breaks.set()
    with pytest.raises(ProviderConnectionError):
        await task
    await server.wait_for(lambda: server.disconnects == 3)


async def test_a_text_longer_than_the_model_takes_is_refused(
    make: Make, server: FakeServer
) -> None:
    with pytest.raises(ContextLengthExceededError, match="text 1 has"):
        await make().embed_texts(["short", "word " * 9000])
    assert server.requests == []


# --- policies in the path ---------------------------------------------------------------------


@every_vendor
async def test_a_passing_failure_is_tried_again(
    make: Make, server: FakeServer, vendor: str
) -> None:
    server.script(Fault.status(503), Fault.status(429, retry_after=7), Reply())
    with MovedClock() as clock:
        began = clock.monotonic()
        vector = await make(vendor, retry=Retry(attempts=3)).embed_text("one")
        assert clock.monotonic() - began >= 7
    assert vector == pytest.approx(embedding_of("one"))
    assert len(server.requests) == 3


async def test_requests_are_paced(make: Make) -> None:
    with MovedClock() as clock:
        began = clock.monotonic()
        embedder = make(batch_size=1, rate_limit=RateLimit(requests_per_minute=2))
        await embedder.embed_texts(list("abcd"))
        assert clock.monotonic() - began >= 60


async def test_each_batch_is_booked_with_its_price(make: Make, server: FakeServer) -> None:
    usage = {"prompt_tokens": 500_000, "total_tokens": 500_000}
    server.script(openai_body([0.5], usage=usage, model="text-embedding-3-small"))
    costs = CostTracker()
    await make(costs=costs).embed_text("one")
    assert costs.total == Decimal("0.01")
    (booking,) = costs.recent()
    assert booking.kind == "embedding"
    assert not booking.estimated
    assert booking.model == "text-embedding-3-small"


async def test_usage_that_the_vendor_did_not_send_is_estimated(make: Make) -> None:
    costs = CostTracker()
    await make("gemini", costs=costs).embed_text("one two three")
    (booking,) = costs.recent()
    assert booking.estimated


async def test_a_model_of_ones_own_costs_nothing(make: Make) -> None:
    costs = CostTracker(budget=1)
    await make("ollama", costs=costs).embed_text("one")
    assert costs.total == 0


async def test_a_budget_holds_before_the_request(make: Make, server: FakeServer) -> None:
    with pytest.raises(BudgetExceededError):
        await make(costs=CostTracker(budget=0.000_000_01)).embed_text("many words " * 20)
    assert server.requests == []


async def test_a_failed_batch_gives_its_money_back(make: Make, server: FakeServer) -> None:
    server.script(Fault.status(500))
    costs = CostTracker(budget=1)
    with pytest.raises(ServiceUnavailableError):
        await make(costs=costs).embed_text("one")
    assert costs.total == 0


# --- errors -----------------------------------------------------------------------------------

_STATUSES = [
    (400, None, InvalidRequestError),
    (401, None, AuthenticationError),
    (404, "model_not_found", ModelNotFoundError),
    (429, None, RateLimitError),
    (500, None, ServiceUnavailableError),
    (503, None, ServiceUnavailableError),
]


@every_vendor
@pytest.mark.parametrize(("status", "code", "kind"), _STATUSES)
async def test_an_error_has_its_class_and_status(
    make: Make, server: FakeServer, vendor: str, status: int, code: str | None, kind: type
) -> None:
    server.script(Fault.status(status, code=code, message=f"no, not with {KEY} and secret words"))
    with pytest.raises(LLMError) as caught:
        await make(vendor).embed_text("secret words of mine")
    assert type(caught.value) is kind
    assert caught.value.status_code == status
    assert caught.value.provider == vendor
    seen: BaseException | None = caught.value
    while seen is not None:
        assert KEY not in f"{seen} {seen!r}"
        seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)


@every_vendor
@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Fault.reset(), ProviderConnectionError),
        (Fault.html(), ServiceUnavailableError),
        (Fault.malformed(), ServiceUnavailableError),
        (Fault.html(502), ServiceUnavailableError),
    ],
    ids=["reset", "html", "malformed", "502"],
)
async def test_what_is_no_answer_is_a_passing_error(
    make: Make, server: FakeServer, vendor: str, fault: Fault, kind: type
) -> None:
    server.script(fault)
    with pytest.raises(LLMError) as caught:
        await make(vendor).embed_text("one")
    assert type(caught.value) is kind
    assert caught.value.retryable
    assert len(str(caught.value)) < 300


@every_vendor
async def test_a_server_that_says_nothing_runs_into_the_timeout(
    make: Make, server: FakeServer, vendor: str
) -> None:
    server.script(Fault.hang())
    with pytest.raises(RequestTimeoutError):
        await make(vendor, timeout=0.05).embed_text("one")


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (openai_body([0.5]), ServiceUnavailableError),  # one vector for two texts
        (openai_body([0.5], []), EmptyResponseError),
        (openai_body([0.5], ["x"]), ServiceUnavailableError),
        (
            Raw(200, {"content-type": "application/json"}, b'{"error": {"code": 429}}'),
            RateLimitError,
        ),
    ],
    ids=["too few", "an empty one", "words", "an error at 200"],
)
async def test_an_answer_that_does_not_fit_is_an_error(
    make: Make, server: FakeServer, answer: Raw, kind: type
) -> None:
    server.script(answer)
    with pytest.raises(LLMError) as caught:
        await make().embed_texts(["one", "two"])
    assert type(caught.value) is kind


@pytest.mark.usefixtures("no_keys")
@pytest.mark.parametrize(
    ("kind", "variable"), [(OpenAIEmbedder, "OPENAI_API_KEY"), (GeminiEmbedder, "GEMINI_API_KEY")]
)
async def test_a_missing_key_is_named_before_any_request(kind: Any, variable: str) -> None:
    with pytest.raises(AuthenticationError, match=variable):
        await kind().embed_text("one")


async def test_a_key_of_the_environment_is_used(
    make: Make, server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-environment")
    await make(api_key=None).embed_text("one")
    assert server.requests[0].key == "sk-of-the-environment"


def test_the_key_is_in_no_repr() -> None:
    assert KEY not in repr(OpenAIEmbedder(api_key=KEY))
    assert KEY not in str(vars(OpenAIEmbedder(api_key=KEY)))


@pytest.mark.parametrize(
    "options", [{"dimensions": 0}, {"batch_size": 0}, {"batch_size": True}, {"dimension": 3}]
)
def test_options_that_cannot_be_right_are_refused(options: Any) -> None:
    with pytest.raises(ConfigurationError):
        OpenAIEmbedder(**options)


async def test_ollama_without_the_model_says_how_to_get_it(make: Make, server: FakeServer) -> None:
    server.script(Fault.status(404, message='model "m" not found, try pulling it first'))
    with pytest.raises(ModelNotFoundError, match="ollama pull m-9"):
        await make("ollama", "m-9").embed_text("one")


# --- event loops ------------------------------------------------------------------------------


@every_vendor
def test_one_embedder_in_two_event_loops_one_after_the_other(make: Make, vendor: str) -> None:
    embedder = make(vendor)
    for text in ("one", "two"):
        assert asyncio.run(embedder.embed_text(text)) == pytest.approx(embedding_of(text))


@every_vendor
def test_one_embedder_in_two_event_loops_at_once(make: Make, vendor: str) -> None:
    embedder = make(vendor)
    found: dict[str, Any] = {}

    def work(text: str) -> None:
        found[text] = asyncio.run(embedder.embed_texts([text] * 3))

    threads = [threading.Thread(target=work, args=(text,)) for text in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert found == {text: [pytest.approx(embedding_of(text))] * 3 for text in ("one", "two")}


# --- other routes, and the real server --------------------------------------------------------


async def test_the_general_class_takes_any_litellm_model(server: FakeServer) -> None:
    embedder = LiteLLMEmbedder(
        "openai/some-model", base_url=server.base_url("openai"), api_key=KEY, retry=None
    )
    assert await embedder.embed_text("one") == pytest.approx(embedding_of("one"))
    assert embedder.get_model_name() == "openai/some-model"
    assert embedder.get_max_batch_size() is None


@pytest.fixture(scope="module")
def embedding_engine() -> Iterator[Engine]:
    pytest.importorskip("xllamacpp")
    pytest.importorskip("gguf")
    with Engine(embed=True) as running:
        yield running


async def test_the_real_llama_cpp_server(embedding_engine: Engine) -> None:
    embedder = OpenAIEmbedder(
        "tiny", base_url=embedding_engine.openai_base_url, api_key="any", batch_size=2
    )
    texts = ["the sea is wide", "the sea is deep", "tax forms", "the sea is wide"]
    vectors = await embedder.embed_texts(texts)
    assert await embedder.probe() == len(vectors[0])
    assert {len(vector) for vector in vectors} == {len(vectors[0])}
    assert embedder.calculate_similarity(vectors[0], vectors[3]) == pytest.approx(1.0, abs=1e-4)
    near = embedder.calculate_similarity(vectors[0], vectors[1])
    assert near > embedder.calculate_similarity(vectors[0], vectors[2])
    alone = await embedder.embed_text(texts[1])
    assert embedder.calculate_similarity(alone, vectors[1]) == pytest.approx(1.0, abs=1e-4)
