"""The named providers on the recorded traffic of servers that are not ours."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from bruno_llm import (
    AuthenticationError,
    Completion,
    ModelNotFoundError,
    Retry,
    StreamEnd,
    TextDelta,
    ToolCallDelta,
    completion_message,
    tool_result,
)
from bruno_llm.testing import (
    CassetteError,
    Tape,
    UnrecordedRequestError,
    find_secrets,
    use_cassette,
)
from tests.recording import (
    CLAUDE,
    GEMINI,
    KEY,
    NO_MODEL,
    OLLAMA,
    OPENAI,
    QUESTION,
    VENDORS,
    WEATHER,
    Lab,
    Vendor,
    lab,
    sources,
)

__all__ = ["lab", "sources"]  # the fixtures of this module

VENDOR_HOSTS = ("api.openai.com", "api.anthropic.com", "generativelanguage.googleapis.com")
CASSETTES = Path(__file__).parents[1] / "cassettes"
UNTRAINED = "Hello from a tiny model that no one trained: Café 🙂 done."
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": "The weather in a city now.",
            "parameters": {
                "type": "object",
                "properties": {"city": {"type": "string"}},
                "required": ["city"],
            },
        },
    }
]

each_vendor = pytest.mark.parametrize("vendor", VENDORS, ids=str)


def user(text: str) -> list[dict[str, Any]]:
    return [{"role": "user", "content": text}]


def check_answer(completion: Completion, vendor: Vendor, tape: Tape) -> None:
    """The facts that hold of the computed model, of the mock and of the vendor alike."""
    assert ("tiny model" if by_computed_model(tape) else "Oslo") in completion.text
    assert completion.finish_reason == "stop"
    assert completion.usage is not None
    assert not completion.usage.estimated
    assert completion.usage.prompt_tokens > 0
    assert completion.usage.completion_tokens > 0
    if vendor is OLLAMA:
        assert completion.cost == 0
    else:
        assert completion.cost is not None
        assert completion.cost > 0


def by_computed_model(tape: Tape) -> bool:
    return "computed model" in (tape.recorded_from or "")


@each_vendor
async def test_an_answer(vendor: Vendor, lab: Lab) -> None:
    completion = await lab.provider(vendor).complete(user(QUESTION))
    check_answer(completion, vendor, lab.tape)
    if by_computed_model(lab.tape):
        assert completion.text == UNTRAINED


@each_vendor
async def test_a_streamed_answer(vendor: Vendor, lab: Lab) -> None:
    events = [event async for event in lab.provider(vendor).stream_events(user(QUESTION))]
    pieces = [event.text for event in events if isinstance(event, TextDelta)]
    assert len(pieces) > 1
    assert isinstance(events[-1], StreamEnd)
    assert events[-1].completion.text == "".join(pieces)
    check_answer(events[-1].completion, vendor, lab.tape)


@each_vendor
async def test_text_alone_with_a_system_prompt(vendor: Vendor, lab: Lab) -> None:
    provider = lab.provider(vendor, system_prompt="You are brief.", max_tokens=500)
    plain = await provider.generate(user(QUESTION))
    streamed = "".join([piece async for piece in provider.stream(user(QUESTION))])
    for text in (plain, streamed):
        assert ("tiny model" if by_computed_model(lab.tape) else "Oslo") in text


@each_vendor
async def test_a_tool_call_and_its_result(vendor: Vendor, lab: Lab) -> None:
    provider = lab.provider(vendor, tools=TOOLS)
    asked = await provider.complete(user(WEATHER))
    (call,) = asked.tool_calls
    assert call.name == "get_weather"
    assert set(call.arguments) == {"city"}
    assert asked.finish_reason == "tool_calls"
    answered = await provider.complete(
        [*user(WEATHER), completion_message(asked), tool_result(call, "sunny, 3 °C below zero")]
    )
    assert not answered.tool_calls
    assert "sunny" in answered.text


@each_vendor
async def test_a_streamed_tool_call(vendor: Vendor, lab: Lab) -> None:
    events = [
        event async for event in lab.provider(vendor, tools=TOOLS).stream_events(user(WEATHER))
    ]
    assert isinstance(events[-1], StreamEnd)
    (call,) = events[-1].completion.tool_calls
    assert call.name == "get_weather"
    assert set(call.arguments) == {"city"}
    pieces = [event.arguments for event in events if isinstance(event, ToolCallDelta)]
    assert "".join(pieces) == call.raw_arguments


@pytest.mark.parametrize("vendor", [OPENAI, CLAUDE, GEMINI], ids=str)
async def test_a_wrong_key(vendor: Vendor, lab: Lab) -> None:
    provider = lab.provider(vendor, api_key="key-that-nobody-knows")
    with pytest.raises(AuthenticationError) as plain:
        await provider.generate(user(QUESTION))
    with pytest.raises(AuthenticationError) as streamed:
        _ = [piece async for piece in provider.stream(user(QUESTION))]
    assert plain.value.status_code == streamed.value.status_code
    assert plain.value.status_code in (400, 401)  # Gemini's own answer is a 400
    assert "key-that-nobody-knows" not in f"{plain.value!r} {streamed.value!r}"


@pytest.mark.parametrize("vendor", [OLLAMA], ids=str)
async def test_a_model_that_is_not_there(vendor: Vendor, lab: Lab) -> None:
    with pytest.raises(ModelNotFoundError, match=f"ollama pull {NO_MODEL}"):
        await lab.provider(vendor, model=NO_MODEL).generate(user(QUESTION))


# aimock has no list of Gemini's models.
@pytest.mark.parametrize("vendor", [OPENAI, CLAUDE, OLLAMA], ids=str)
async def test_the_models_and_the_connection(vendor: Vendor, lab: Lab) -> None:
    provider = lab.provider(vendor)
    models = await provider.list_models()
    assert models
    assert all(models)
    assert await provider.check_connection() == (
        by_computed_model(lab.tape) or any(name.startswith(vendor.model) for name in models)
    )


# aimock has not the batched embeddings of Gemini; Ollama's are in test_real_ollama.py.
async def test_embeddings(lab: Lab) -> None:
    embedder = lab.embedder()
    vectors = await embedder.embed_texts(["fjord", "fjords", "tax return"])
    assert len(vectors) == 3
    near, far = (embedder.calculate_similarity(vectors[0], other) for other in vectors[1:])
    assert near > far
    assert {len(vector) for vector in vectors} == {embedder.get_dimension()}


# What follows looks at the files; none of it is recorded.


def recorded(name: str, vendor: Vendor) -> Path:
    return CASSETTES / Path(__file__).stem / f"{name}[{vendor}].yaml"


@each_vendor
@pytest.mark.parametrize("streamed", [False, True])
async def test_a_changed_prompt_fails_with_a_diff(vendor: Vendor, streamed: bool) -> None:
    path = recorded("test_a_streamed_answer" if streamed else "test_an_answer", vendor)
    with pytest.raises(UnrecordedRequestError) as caught, use_cassette(path) as tape:
        provider = Lab(tape, {}).provider(vendor, retry=Retry())
        changed = user(QUESTION.replace("Sweden", "Finland"))
        if streamed:
            _ = [piece async for piece in provider.stream(changed)]
        else:
            await provider.generate(changed)
    assert re.search(r"\n-.*and Sweden.*\n\+.*and Finland", str(caught.value))


@each_vendor
async def test_a_cassette_that_is_partly_played_fails(vendor: Vendor) -> None:
    path = recorded("test_a_tool_call_and_its_result", vendor)
    with (
        pytest.raises(CassetteError, match="1 of 2 requests were never sent"),
        use_cassette(path) as tape,
    ):
        await Lab(tape, {}).provider(vendor, tools=TOOLS).complete(user(WEATHER))


ALL = sorted(CASSETTES.rglob("*.yaml"))


def test_there_are_cassettes_of_every_vendor_and_server() -> None:
    assert {path.stem.rpartition("[")[2] for path in ALL} >= {f"{one}]" for one in VENDORS}
    servers = {yaml.safe_load(path.read_text("utf-8"))["recorded_from"] for path in ALL}
    assert len(servers) > 1


@pytest.mark.parametrize("path", ALL, ids=lambda path: path.stem)
def test_a_cassette_names_its_server_and_holds_no_secret(path: Path) -> None:
    text = path.read_text("utf-8")
    assert find_secrets(text) == []
    assert KEY not in text
    first = text.partition("\n")[0]
    assert re.match(
        r"recorded_from: .*\d", first
    ), "the server and its version are on the first line"
    # Paths of the machine that it was recorded on; llama.cpp tells the path of its model.
    assert not re.search(r"[\s\"'](/(home|root|tmp|usr|var|work|Users)/|[A-Z]:\\)", text)
    hosts = {
        urlsplit(one["request"]["uri"]).hostname for one in yaml.safe_load(text)["interactions"]
    }
    assert hosts <= {"127.0.0.1", *VENDOR_HOSTS}


EDITED = {
    "`truncate` added": lambda body: "truncate" in body,
    "empty `images` removed": lambda body: "messages" in body,
    "`tool_name` added": lambda body: any("tool_name" in turn for turn in body["messages"]),
    "`id` of the call added": lambda body: any(
        "id" in call for turn in body["messages"] for call in turn.get("tool_calls", ())
    ),
}


@pytest.mark.parametrize("path", ALL, ids=lambda path: path.stem)
def test_a_cassette_says_what_was_changed_in_it_by_hand(path: Path) -> None:
    """Ollama's alone: since 0.9.3 was recorded, more is sent than that server looks at."""
    cassette = yaml.safe_load(path.read_text("utf-8"))
    said = cassette.get("requests_changed", "")
    if cassette["recorded_from"] != "Ollama 0.9.3, computed model, 2026-11-21":
        assert not said
        return
    if said.startswith("only the answer is recorded"):
        return
    asked = [one["request"] for one in cassette["interactions"]]
    chats = [json.loads(one["body"]) for one in asked if one["uri"].endswith("/api/chat")]
    edited = [words for words, seen in EDITED.items() if any(map(seen, chats))]
    start = "by hand since then, to what is sent now: "
    assert said == (start + ", ".join(edited) if edited else "")


def test_every_cassette_has_its_test(orphan_cassettes: list[Path]) -> None:
    assert orphan_cassettes == []
