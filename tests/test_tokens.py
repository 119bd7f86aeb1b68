"""Token counts: exact where OpenAI's numbers are known, sane and safe everywhere else."""

from __future__ import annotations

import base64
import importlib.util
import os
import shutil
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from bruno_core.models.message import Message, MessageRole
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from bruno_llm import LiteLLMProvider
from bruno_llm.tokens.counter import TokenCounter
from bruno_llm.tokens.images import image_size, in_patches
from bruno_llm.tokens.rules import OPEN_WEIGHTS, CountingRules, Family
from bruno_llm.vendors.tokens import counter_for
from bruno_llm.vendors.vendor import Vendor
from tests.size import sized

# The example of OpenAI's cookbook, "How to count tokens with tiktoken", with the API's counts.
JARGON: list[dict[str, Any]] = [
    {
        "role": "system",
        "content": "You are a helpful, pattern-following assistant that translates corporate "
        "jargon into plain English.",
    },
    {
        "role": "system",
        "name": "example_user",
        "content": "New synergies will help drive top-line growth.",
    },
    {
        "role": "system",
        "name": "example_assistant",
        "content": "Things working well together will increase revenue.",
    },
    {
        "role": "system",
        "name": "example_user",
        "content": "Let's circle back when we have more bandwidth to touch base on opportunities "
        "for increased leverage.",
    },
    {
        "role": "system",
        "name": "example_assistant",
        "content": "Let's talk later when we're less busy about how to do better.",
    },
    {
        "role": "user",
        "content": "This late pivot means we don't have time to boil the ocean for the client "
        "deliverable.",
    },
]
WEATHER: list[dict[str, Any]] = [
    {
        "role": "system",
        "content": "You are a helpful assistant that can answer to questions about the weather.",
    },
    {"role": "user", "content": "What's the weather like in San Francisco?"},
]
WEATHER_TOOL: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "get_current_weather",
        "description": "Get the current weather in a given location",
        "parameters": {
            "type": "object",
            "properties": {
                "location": {
                    "type": "string",
                    "description": "The city and state, e.g. San Francisco, CA",
                },
                "unit": {
                    "type": "string",
                    "description": "The unit of temperature to return",
                    "enum": ["celsius", "fahrenheit"],
                },
            },
            "required": ["location"],
        },
    },
}


def user(content: Any) -> dict[str, Any]:
    return {"role": "user", "content": content}


# --- OpenAI: numbers that are known -----------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "tokens"), [("gpt-4", 129), ("gpt-3.5-turbo", 129), ("gpt-4o", 124)]
)
def test_counts_messages_and_names_as_openai_does(model: str, tokens: int) -> None:
    counter = counter_for("openai", model)

    assert counter.exact
    assert counter.messages(JARGON) == tokens


@pytest.mark.parametrize(("model", "tokens"), [("gpt-4", 105), ("gpt-4o", 101)])
def test_counts_tools_as_openai_does(model: str, tokens: int) -> None:
    assert counter_for("openai", model).messages(WEATHER, [WEATHER_TOOL]) == tokens


@pytest.mark.parametrize(
    ("model", "text", "tokens"),
    [
        ("gpt-4o-mini", "Say this is a test", 12),
        ("o1-mini", "What is the capital of France?", 14),
        ("o3-mini", "Hey, what is up?", 12),  # reasoning models open the answer with one less
        ("openai/gpt-4o-2024-08-06", "Say this is a test", 12),
        ("ft:gpt-4o:acme::abc", "Say this is a test", 12),
        ("gpt-5-chat-latest", "Say this is a test", 12),
        ("gpt-5.1", "Say this is a test", 11),
    ],
)
def test_counts_one_question_as_billed(model: str, text: str, tokens: int) -> None:
    assert counter_for("openai", model).messages([user(text)]) == tokens


def test_newer_models_use_the_newer_vocabulary() -> None:
    text = "Привет, мир! 你好,世界"
    old = counter_for("openai", "gpt-4").text(text)

    for model in ("gpt-4.1", "gpt-5", "gpt-6-astra", "o4-mini", "chatgpt-4o-latest"):
        assert counter_for("openai", model).text(text) < old
    assert counter_for("openai", "text-embedding-3-small").text(text) == old


def test_the_sum_over_messages_and_the_overhead_is_the_whole() -> None:
    for provider, model in VENDORS:
        counter = counter_for(provider, model)
        one_by_one = sum(map(counter.message, JARGON)) + counter.messages([])
        assert one_by_one == counter.messages(JARGON)
        with_tools = sum(map(counter.message, JARGON)) + counter.messages([], [WEATHER_TOOL])
        # OpenAI saves four tokens when tools meet a system prompt.
        assert 0 <= with_tools - counter.messages(JARGON, [WEATHER_TOOL]) <= 4


def test_tool_calls_and_results_count() -> None:
    counter = counter_for("openai", "gpt-4o")
    call = {"id": "c1", "type": "function", "function": {"name": "add", "arguments": '{"a": 1}'}}
    asked = {"role": "assistant", "tool_calls": [call]}
    empty = {"role": "assistant", "content": ""}

    both = counter.message({"role": "assistant", "content": None, "tool_calls": [call, call]})
    one = counter.message(asked)
    assert one - counter.message(empty) >= counter.text('{"a": 1}') + counter.text("add")
    assert both - one == one - counter.message(empty)
    legacy = {"role": "assistant", "content": None, "function_call": call["function"]}
    assert counter.message(legacy) == one
    result = {"role": "tool", "tool_call_id": "c1", "content": "5"}
    assert counter.message(result) > counter.message({"role": "user", "content": "5"})
    refused = {"role": "assistant", "content": None, "refusal": "I cannot help with that."}
    assert counter.message(refused) > counter.message(empty)


def test_tool_arguments_may_be_a_mapping() -> None:
    counter = counter_for("ollama", "qwen3:4b")
    function = {"name": "add", "arguments": {"a": 1, "b": 2}}
    as_text = {"name": "add", "arguments": '{"a":1,"b":2}'}

    assert counter.message(
        {"role": "assistant", "content": "", "tool_calls": [{"function": function}]}
    ) == counter.message(
        {"role": "assistant", "content": "", "tool_calls": [{"function": as_text}]}
    )


def test_every_kind_of_schema_counts() -> None:
    tool = {
        "type": "function",
        "function": {
            "name": "everything",
            "parameters": {
                "type": "object",
                "properties": {
                    "list": {"type": "array", "items": {"type": "string"}},
                    "any_list": {"type": "array"},
                    "nested": {
                        "type": "object",
                        "properties": {"deep": {"type": "boolean", "description": "How deep"}},
                    },
                    "either": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
                    "both": {"type": ["string", "null"]},
                    "level": {"enum": ["low", "high"]},
                    "free": True,
                    "unknown": {"$ref": "#/$defs/Other"},
                },
                "required": ["list"],
            },
        },
    }
    bare = {"type": "function", "function": {"name": "everything"}}
    for provider, model in VENDORS:
        counter = counter_for(provider, model)
        assert counter.messages([], [tool]) > counter.messages([], [bare]) > counter.messages([])
        assert counter.messages([], [tool["function"]]) == counter.messages([], [tool])


# --- every vendor -----------------------------------------------------------------------------

VENDORS = [
    ("openai", "gpt-4o"),
    ("openai", "gpt-5"),
    ("anthropic", "claude-sonnet-4-5"),
    ("gemini", "gemini-2.5-flash"),
    ("ollama", "llama3.2"),
    ("groq", "llama-3.3-70b-versatile"),
]


@pytest.mark.parametrize(
    ("provider", "model", "exact"),
    [
        ("openai", "gpt-4o", True),
        ("azure", "gpt-4o", True),
        ("azure", "my-deployment", False),
        ("openrouter", "openai/gpt-4o", False),
        ("anthropic", "claude-sonnet-4-5", False),
        ("bedrock", "anthropic.claude-3-5-sonnet-20241022-v2:0", False),
        ("gemini", "gemini-2.5-flash", False),
        ("vertex_ai", "gemini-3-pro", False),
        ("ollama", "gpt-oss:20b", False),
        ("nobody", "nothing", False),
    ],
)
def test_says_whether_it_is_exact(provider: str, model: str, exact: bool) -> None:
    counter = counter_for(provider, model)

    assert counter.exact is exact
    assert counter.text("Hello, how are you?") in range(5, 10)
    assert model in repr(counter)


def test_one_counter_per_model() -> None:
    assert counter_for("openai", "gpt-4o") is counter_for("openai", "gpt-4o")
    assert isinstance(counter_for("openai", "gpt-4o"), TokenCounter)


@pytest.mark.parametrize(
    ("provider", "model", "text", "billed"),
    [
        ("anthropic", "claude-sonnet-4-20250514", "Write a long story", 11),
        ("anthropic", "claude-3-haiku-20240307", "what is 2+2? (just the number)", 19),
        ("gemini", "gemini-2.5-flash", "List all U.S. states.", 9),
        ("gemini", "gemini-3-pro-preview", "Write a very short story about a dragon.", 10),
        ("ollama", "llama3.1", "Say hello!", 13),
        ("ollama", "gemma3:1b", "Hello, how are you?", 15),
    ],
)
def test_estimates_are_near_what_was_billed(
    provider: str, model: str, text: str, billed: int
) -> None:
    assert counter_for(provider, model).messages([user(text)]) == pytest.approx(billed, rel=0.12)


@pytest.mark.parametrize(
    ("model", "system_prompt"),
    [
        ("claude-3-opus-20240229", 530),
        ("claude-3-haiku-20240307", 264),
        ("claude-3-5-sonnet-20241022", 346),
        ("claude-sonnet-4-20250514", 313),
        ("claude-haiku-4-5-20251001", 496),
        ("claude-4.6-opus", 497),
        ("claude-opus-4-7", 675),
        ("claude-opus-4-8", 290),
        ("claude-sonnet-5", 354),
        ("claude-instant", 354),
    ],
)
def test_anthropic_adds_a_system_prompt_for_tools(model: str, system_prompt: int) -> None:
    counter = counter_for("anthropic", model)
    tools = counter.messages([], [WEATHER_TOOL]) - counter.messages([])

    assert 70 <= tools - system_prompt <= 160


def test_the_tokenizer_of_claude_4_7_needs_more() -> None:
    text = "The quick brown fox jumps over the lazy dog. " * 20
    before = counter_for("anthropic", "claude-opus-4-6").text(text)

    assert 1.15 < counter_for("anthropic", "claude-opus-4-7").text(text) / before < 1.4


# --- hard texts -------------------------------------------------------------------------------


def test_special_tokens_are_text() -> None:
    counter = counter_for("openai", "gpt-4o")

    assert counter.text("<|endoftext|>") == 7
    assert counter.message(user("<|im_start|>system<|im_end|>")) > 10


@pytest.mark.parametrize(
    "unit",
    [
        *("a", " ", "漢", "word "),
        *(pytest.param(rare, marks=pytest.mark.full) for rare in ("é", "\n", "-", "1 ", "\ud800")),
    ],
)
def test_a_megabyte_of_anything_is_counted_quickly(unit: str) -> None:
    # tiktoken alone overflows its stack on a million spaces.
    text = unit * (1_000_000 // len(unit))
    start = time.process_time()

    tokens = counter_for("openai", "gpt-4o").text(text)

    assert 0 < tokens <= 3_000_000
    assert time.process_time() - start < 20


def test_long_prose_is_counted_exactly() -> None:
    counter = counter_for("openai", "gpt-4o")
    import tiktoken

    text = (
        "It was 42 o'clock; 'twas cold, and she'd said:\n\n  \"No way!\" — twice. Ünï cödé 漢字. "
    )
    text *= 900
    assert len(text) > 60_000
    assert counter.text(text) == len(tiktoken.get_encoding("o200k_base").encode_ordinary(text))


async def test_a_vendor_of_ones_own_brings_its_rules() -> None:
    """As data of its ``Vendor``, also for a name that would tell another maker."""
    rules = CountingRules("cl100k_base", in_patches(28, 1), per_message=100, reply=1000)
    acme = Vendor(name="acme", routes=("acme",), tokens=Family(lambda model: rules))

    class Acme(LiteLLMProvider):
        name = "acme"
        vendor = acme

    messages = [Message(role=MessageRole.USER, content="Hi")]
    assert await Acme("claude-of-acme").count_message_tokens(messages) == 1101
    plain = await LiteLLMProvider("acme/claude-of-acme").count_message_tokens(messages)
    assert plain == await LiteLLMProvider("anthropic/claude-of-acme").count_message_tokens(messages)


@pytest.mark.sized
@settings(max_examples=sized(60, 15), deadline=None)
@given(st.text(max_size=300), st.sampled_from(VENDORS))
def test_any_text_has_a_count(text: str, vendor: tuple[str, str]) -> None:
    counter = counter_for(*vendor)
    tokens = counter.text(text)

    # A factor of at most 1.42 over at most one token per byte.
    assert 0 <= tokens <= 1.5 * len(text.encode("utf-8", "replace")) + 1
    assert counter.message(user(text)) > tokens
    assert counter.messages([user(text)]) == counter.messages([user(text)])


def test_threads_may_count_at_once() -> None:
    found: list[int] = []

    def count() -> None:
        found.append(counter_for("openai", "gpt-4").text("Threads count too."))

    threads = [threading.Thread(target=count) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 1
    assert len(found) == 8


# --- images and other parts -------------------------------------------------------------------


def data_url(content: bytes, kind: str = "image/png") -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def png(width: int, height: int) -> str:
    head = b"\x89PNG\r\n\x1a\n" + b"\0\0\0\rIHDR" + struct.pack(">II", width, height)
    return data_url(head + bytes(50))


def jpeg(width: int, height: int, exif: int = 0) -> bytes:
    marker = b"\xff\xe1" + struct.pack(">H", exif + 2) + bytes(exif) if exif else b""
    frame = b"\xff\xff\xc0" + struct.pack(">HBHH", 17, 8, height, width) + bytes(10)
    return b"\xff\xd8" + marker + frame


def image(url: str, detail: str | None = None) -> dict[str, Any]:
    part: dict[str, Any] = {"url": url}
    if detail:
        part["detail"] = detail
    return {"type": "image_url", "image_url": part}


@pytest.mark.parametrize(
    ("url", "size"),
    [
        (png(1024, 768), (1024, 768)),
        (data_url(b"GIF89a" + struct.pack("<HH", 320, 200) + bytes(20)), (320, 200)),
        (data_url(jpeg(800, 600)), (800, 600)),
        (data_url(jpeg(4032, 3024, exif=60_000)), (4032, 3024)),
        (
            data_url(b"RIFF\0\0\0\0WEBPVP8 " + bytes(10) + struct.pack("<HH", 640, 480)),
            (640, 480),
        ),
        (
            data_url(b"RIFF\0\0\0\0WEBPVP8L" + bytes(5) + struct.pack("<I", 639 | 479 << 14)),
            (640, 480),
        ),
        (
            data_url(
                b"RIFF\0\0\0\0WEBPVP8X"
                + bytes(8)
                + (639).to_bytes(3, "little")
                + (479).to_bytes(3, "little")
            ),
            (640, 480),
        ),
        ("https://example.org/cat.png", None),
        ("data:image/svg+xml,<svg/>", None),
        (data_url(b"BM" + bytes(60)), None),
        (data_url(b"\x89PNG\r\n\x1a\n"), None),
        (data_url(b"\xff\xd8\x00\x00" + bytes(20)), None),
        (data_url(b"\xff\xd8\xff\xe0\x00\x10"), None),
        (data_url(b"GIF89a" + bytes(20)), None),
        ("data:image/png;base64,é", None),
    ],
)
def test_reads_the_size_from_the_header(url: str, size: tuple[int, int] | None) -> None:
    assert image_size(url) == size


def image_tokens(provider: str, model: str, *parts: dict[str, Any]) -> int:
    counter = counter_for(provider, model)
    return counter.message(user(list(parts))) - counter.message(user([]))


@pytest.mark.parametrize(
    ("model", "url", "detail", "tokens"),
    [
        # The examples of OpenAI's guide.
        ("gpt-4o", png(1024, 1024), "high", 765),
        ("gpt-4o", png(2048, 4096), "high", 1105),
        ("gpt-4o", png(4096, 8192), "low", 85),
        ("gpt-4.1-mini", png(1024, 1024), None, 1659),
        ("gpt-4.1-mini", png(1800, 2400), None, 2353),
        ("gpt-4.1-mini", png(1800, 2400), "low", 380),
        # Measured by users of the API.
        ("gpt-5.5", png(2560, 1440), None, 4320),
        ("gpt-5.5", png(3840, 2160), None, 9792),
        ("gpt-5.4", png(768, 768), None, 692),
        ("gpt-5", png(512, 512), None, 210),
        ("o1", png(512, 512), None, 225),
        ("gpt-4o-mini", png(512, 512), None, 8500),
        # Unknown size: the most there can be.
        ("gpt-4o", "https://example.org/cat.png", None, 85 + 8 * 170),
        ("o4-mini", "https://example.org/cat.png", None, 2642),
    ],
)
def test_images_of_openai(model: str, url: str, detail: str | None, tokens: int) -> None:
    assert image_tokens("openai", model, image(url, detail)) == tokens


@pytest.mark.parametrize(
    ("model", "url", "tokens"),
    [
        # The table of Anthropic's vision page.
        ("claude-sonnet-4-5", png(200, 200), 64),
        ("claude-sonnet-4-5", png(1000, 1000), 1296),
        ("claude-opus-4-8", png(1092, 1092), 1521),
        ("claude-opus-4-8", png(1920, 1080), 2691),
        ("claude-sonnet-4-5", "https://example.org/cat.png", 1568),
        ("claude-opus-4-8", png(8000, 6000), 4784),
    ],
)
def test_images_of_anthropic(model: str, url: str, tokens: int) -> None:
    assert image_tokens("anthropic", model, image(url)) == pytest.approx(tokens, rel=0.02)
    assert image_tokens("anthropic", model, image(url)) <= max(tokens, 1568)


@pytest.mark.parametrize(
    ("model", "url", "tokens"),
    [
        ("gemini-2.5-flash", png(384, 384), 258),
        ("gemini-2.5-flash", png(960, 540), 258 * 6),  # the example of Google's guide
        ("gemini-2.5-flash", png(3000, 3000), 258 * 4),
        ("gemini-2.5-flash", "https://example.org/cat.png", 258 * 4),
        ("gemini-3-pro", png(4000, 3000), 1120),
        ("gemma-3-27b-it", png(4000, 3000), 258),
    ],
)
def test_images_of_gemini(model: str, url: str, tokens: int) -> None:
    assert image_tokens("gemini", model, image(url)) == tokens


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 9000), st.integers(1, 9000), st.sampled_from([None, "low", "high"]))
def test_an_image_of_any_shape_has_a_price(width: int, height: int, detail: str | None) -> None:
    for provider, model in (*VENDORS, ("openai", "gpt-5.5"), ("openai", "gpt-4.1-nano")):
        counter = counter_for(provider, model)
        one = counter.message(user([image(png(width, height), detail)]))
        two = counter.message(user([image(png(width, height), detail)] * 2))
        # Gemini alone has no upper bound: a thin strip is cut into many squares.
        assert 0 < two - one <= (258 * 80 if "gemini" in model else 12_000)


def test_texts_and_images_in_one_message_add_up() -> None:
    counter = counter_for("openai", "gpt-4o")
    parts = [{"type": "text", "text": "What is this?"}, image(png(512, 512))]

    assert counter.message(user(parts)) == counter.message(user("What is this?")) + 255
    assert (
        image_tokens("openai", "gpt-4o", {"type": "image_url", "image_url": png(512, 512)}) == 255
    )
    assert image_tokens("openai", "gpt-4o", "What is this?") == 4  # type: ignore[arg-type]


def file(data: str | None) -> dict[str, Any]:
    return {"type": "file", "file": {"file_data": data} if data else {"file_id": "file-1"}}


def test_documents_count_by_the_page() -> None:
    three = data_url(
        b"%PDF-1.7 /Type /Pages /Type /Page /Type/Page\n/Type /Page>>", "application/pdf"
    )
    counter = ("anthropic", "claude-sonnet-4-5")

    assert image_tokens(*counter, file(three)) == 3 * 1600
    assert image_tokens(*counter, file(data_url(b"%PDF", "application/pdf"))) == 1600
    assert image_tokens(*counter, file(None)) == 1600
    assert image_tokens(*counter, file("data:application/pdf;base64,%%%x")) == 1600
    assert image_tokens("gemini", "gemini-3-flash", file(three)) == 3 * 560
    text = data_url(b"Hello, how are you?", "text/plain")
    assert image_tokens("openai", "gpt-4o", file(text)) == 6


def test_sound_counts_by_the_second() -> None:
    second = base64.b64encode(bytes(48_000)).decode()
    part = {"type": "input_audio", "input_audio": {"data": second, "format": "wav"}}

    assert image_tokens("gemini", "gemini-2.5-flash", part) in (32, 33)
    part = {"type": "input_audio", "input_audio": {"data": second, "format": "mp3"}}
    assert image_tokens("openai", "gpt-4o-audio-preview", part) in (30, 31)


def test_a_part_of_unknown_kind_counts_as_its_json() -> None:
    assert image_tokens("openai", "gpt-4o", {"type": "video_url", "video_url": {"url": "v"}}) > 5


# --- offline, and without side effects ----------------------------------------------------------


def run_python(code: str, **env: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **env},
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


NO_NETWORK = """
import sys, os
def refuse(event, args):
    if event.startswith("socket."):
        raise RuntimeError(event)
sys.addaudithook(refuse)
os.environ.pop("TIKTOKEN_CACHE_DIR", None)
"""


def test_needs_no_network_no_litellm_and_leaves_the_environment_alone() -> None:
    out = run_python(
        NO_NETWORK + "import bruno_llm.vendors.tokens as t\n"
        "assert 'tiktoken' not in sys.modules\n"
        "before = dict(os.environ)\n"
        "print(t.counter_for('openai', 'gpt-4o').text('Hello world'))\n"
        "print(t.counter_for('openai', 'gpt-4').text('Hello world'))\n"
        "assert dict(os.environ) == before\n"
        "assert 'litellm' not in sys.modules\n"
    )
    assert out.split() == ["2", "2"]


@pytest.mark.full
def test_keeps_the_cache_folder_the_user_has_set(tmp_path: Path) -> None:
    out = run_python(
        "import os, bruno_llm.vendors.tokens as t\n"
        "t.counter_for('openai', 'gpt-4o').text('Hello world')\n"
        "print(os.environ['TIKTOKEN_CACHE_DIR'])",
        TIKTOKEN_CACHE_DIR=str(tmp_path),
    )
    assert out.strip() == str(tmp_path)


HIDE_LITELLM = """
import importlib.util
real = importlib.util.find_spec
importlib.util.find_spec = lambda name, *a: None if name == "litellm" else real(name, *a)
"""


def test_without_the_files_it_estimates_from_the_bytes(tmp_path: Path) -> None:
    damaged = tmp_path / "fb374d419588a4632f3f557e76b4b70aebbca790"
    damaged.write_bytes(b"not a vocabulary")
    out = run_python(
        NO_NETWORK + HIDE_LITELLM + f"os.environ['TIKTOKEN_CACHE_DIR'] = {str(tmp_path)!r}\n"
        "import bruno_llm.vendors.tokens as t\n"
        "print('count', t.counter_for('openai', 'gpt-4o').text('Hello world!'))"
    )
    assert "tokenizer_missing" in out
    assert "count 3" in out
    assert damaged.exists()


def test_takes_the_files_from_the_users_cache(tmp_path: Path) -> None:
    spec = importlib.util.find_spec("litellm")
    assert spec is not None
    assert spec.submodule_search_locations
    folder = Path(spec.submodule_search_locations[0], "litellm_core_utils", "tokenizers")
    shutil.copy(folder / "9b5ad71b2ce5302211f9c61530b329a4922fc6a4", tmp_path)
    out = run_python(
        NO_NETWORK + HIDE_LITELLM + f"os.environ['TIKTOKEN_CACHE_DIR'] = {str(tmp_path)!r}\n"
        "import bruno_llm.vendors.tokens as t\n"
        "print(t.counter_for('openai', 'gpt-4').text('Hello, how are you?'))"
    )
    assert out.strip() == "6"


def test_the_missing_vocabulary_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from bruno_llm.tokens import vocabulary

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.delenv("TIKTOKEN_CACHE_DIR", raising=False)
    vocabulary.text_counters.cache_clear()
    try:
        with capture_logs() as logs:
            counter = TokenCounter("openai", "gpt-4o", OPEN_WEIGHTS)
            assert counter.text("Hello world!") == 3
            assert counter.text("Bye, world!!") == 3
        assert [entry["event"] for entry in logs] == ["tokenizer_missing"]
    finally:
        vocabulary.text_counters.cache_clear()
