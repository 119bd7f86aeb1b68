"""What a real Ollama does (0.9.3, its own runner, a computed model with a context of 2,048).

What we send has changed since the recording, and was changed in the cassettes by hand, because
that server does not look at it; ``requests_changed`` at the head of each says what.
``OLLAMA_HOST`` records anew; the models there are named after what they can do.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from bruno_llm import (
    Completion,
    InvalidRequestError,
    ModelNotFoundError,
    OllamaEmbedder,
    OllamaProvider,
    StreamEnd,
    StreamError,
    TextDelta,
)
from bruno_llm.testing import Tape, use_cassette
from tests.recording import OLLAMA, real

Make = Callable[..., OllamaProvider]

CASSETTES = Path(__file__).parents[1] / "cassettes" / Path(__file__).stem
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": "w",
            "parameters": {
                "type": "object",
                "properties": {"city": {"type": "string"}},
                "required": ["city"],
            },
        },
    }
]
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "n": {"type": "integer"}},
    "required": ["city", "n"],
}


def user(text: str) -> list[dict[str, Any]]:
    return [{"role": "user", "content": text}]


async def streamed(llm: OllamaProvider, messages: Sequence[Any], **options: Any) -> Completion:
    events = [event async for event in llm.stream_events(messages, **options)]
    assert isinstance(events[-1], StreamEnd)
    texts = [event.text for event in events if isinstance(event, TextDelta)]
    assert "".join(texts) == events[-1].completion.text
    return events[-1].completion


@pytest.fixture
def address(cassette: Tape) -> str:
    if not cassette.recording:
        return "http://127.0.0.1:9"  # a replay never connects
    if not os.environ.get(OLLAMA.variable):
        pytest.skip(f"{OLLAMA.variable} names no Ollama to record from")
    server = real(OLLAMA)
    cassette.recorded_from = server.description
    return server.base_url


@pytest.fixture
def make(address: str) -> Make:
    def build(model: str = "llama3.2", **options: Any) -> OllamaProvider:
        return OllamaProvider(model, base_url=address, retry=None, **options)

    return build


async def test_think(make: Make) -> None:
    done = await make("think").complete(user("[[think]]"), think=True)
    assert (done.text, done.reasoning) == ("Thought.", "I should keep this brief.")


async def test_think_stream(make: Make) -> None:
    done = await streamed(make("think"), user("[[think]]"), think=True)
    assert (done.text, done.reasoning) == ("Thought.", "I should keep this brief.")


async def test_think_tags_in_the_text(make: Make) -> None:
    done = await make("think").complete(user("[[think]]"), think=False)
    assert (done.text, done.reasoning) == ("Thought.", "I should keep this brief.")


async def test_think_tags_in_the_stream(make: Make) -> None:
    done = await streamed(make("think"), user("[[think]]"), think=False)
    assert (done.text, done.reasoning) == ("Thought.", "I should keep this brief.")


async def test_schema(make: Make) -> None:
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA}}
    done = await make().complete(user("j"), response_format=form)
    assert done.text == '{"city":"Paris","n":7}'


async def test_max_tokens(make: Make) -> None:
    done = await make().complete(user("[[count]]"), max_tokens=7)
    assert done.finish_reason == "length"


async def test_max_tokens_stream(make: Make) -> None:
    done = await streamed(make(), user("[[count]]"), max_tokens=7)
    assert done.finish_reason == "length"


async def test_stop(make: Make) -> None:
    assert (await make().generate(user("[[count]]"), stop=["n5"])).strip() == "n1 n2 n3 n4"


async def test_stop_as_text() -> None:
    """It is sent as the list above is; a text is sent in ``test_an_option_of_the_wrong_type``."""
    with use_cassette(CASSETTES / "test_stop.yaml"):
        llm = OllamaProvider("llama3.2", base_url="http://127.0.0.1:9", retry=None)
        assert (await llm.generate(user("[[count]]"), stop="n5")).strip() == "n1 n2 n3 n4"


async def test_the_runner_dies_in_mid_stream(make: Make) -> None:
    """The server's runner was killed: its last line is an error inside the 200 answer."""
    pieces: list[str] = []
    with pytest.raises(StreamError, match="unexpected EOF") as caught:
        async for event in make().stream_events(user("[[on]]")):
            assert isinstance(event, TextDelta)
            pieces.append(event.text)
    assert len(pieces) == 151
    assert caught.value.partial is not None
    assert caught.value.partial.text == "".join(pieces)
    assert caught.value.partial.usage is not None
    assert caught.value.partial.usage.estimated


async def test_no_tools(make: Make) -> None:
    with pytest.raises(InvalidRequestError, match="does not support tools"):
        await make("plain").complete(user("x"), tools=TOOLS)


async def test_no_tools_stream(make: Make) -> None:
    with pytest.raises(InvalidRequestError, match="does not support tools"):
        await streamed(make("plain"), user("x"), tools=TOOLS)


async def test_no_thinking(make: Make) -> None:
    with pytest.raises(InvalidRequestError, match="does not support thinking"):
        await make().complete(user("x"), think=True)


async def test_not_a_chat_model(make: Make) -> None:
    with pytest.raises(InvalidRequestError, match="does not support chat"):
        await make("embed").complete(user("x"))


async def test_an_option_of_the_wrong_type(make: Make) -> None:
    """The server says 500, and 500 again however often it is asked."""
    with pytest.raises(InvalidRequestError, match="must be of type array") as caught:
        await make().generate(user("[[count]]"), extra_body={"options": {"stop": "n5"}})
    assert caught.value.status_code == 500


async def test_prompt_cut(make: Make) -> None:
    done = await make(num_ctx=512).complete(user("~ " * 900))
    assert done.usage is not None
    assert done.usage.prompt_tokens == 512
    assert done.metadata["prompt_cut"]


async def test_old_messages_dropped(make: Make) -> None:
    turns = [*user("~ " * 900), {"role": "assistant", "content": "ok"}, *user("[[short]] x")]
    done = await make(num_ctx=512).complete(turns)
    assert done.usage is not None
    assert done.usage.prompt_tokens == 37
    assert done.metadata["prompt_cut"]


async def test_system_dropped(make: Make) -> None:
    turns = [{"role": "system", "content": "~ " * 900}, *user("[[short]] x")]
    done = await make(num_ctx=512).complete(turns)
    assert done.usage is not None
    assert done.usage.prompt_tokens == 22
    assert done.metadata["prompt_cut"]


async def test_embed(address: str) -> None:
    vectors = await OllamaEmbedder("embed", base_url=address, retry=None).embed_texts(
        ["aa", "ab", "zz"]
    )
    assert [len(vector) for vector in vectors] == [512] * 3


async def test_embed_unknown(address: str) -> None:
    with pytest.raises(ModelNotFoundError):
        await OllamaEmbedder("nope", base_url=address, retry=None).embed_text("x")
