"""ContextWindow: what is kept, what goes, what is said about it, and what it costs."""

from __future__ import annotations

import asyncio
import copy
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any

import pytest
from bruno_core.interfaces import LLMInterface
from bruno_core.models.message import Message
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from bruno_llm.completion import Trimmed
from bruno_llm.exceptions import (
    ConfigurationError,
    ContextLengthExceededError,
    RateLimitError,
)
from bruno_llm.policies.window import ContextWindow, Fitted
from bruno_llm.vendors.tokens import counter_for
from tests.size import sized

Chat = list[dict[str, Any]]


def words(message: Mapping[str, Any]) -> int:
    """A tokenizer that is easy to check: one token per word, one per tool call."""
    content = message.get("content") or ""
    return len(content.split()) + len(message.get("tool_calls") or ())


def system(text: str = "be kind") -> dict[str, Any]:
    return {"role": "system", "content": text}


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def assistant(text: str) -> dict[str, Any]:
    return {"role": "assistant", "content": text}


def call(*ids: str) -> dict[str, Any]:
    function = {"name": "f", "arguments": "{}"}
    calls = [{"id": name, "type": "function", "function": function} for name in ids]
    return {"role": "assistant", "content": None, "tool_calls": calls}


def result(name: str, text: str = "done") -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": name, "content": text}


def talk(turns: int) -> Chat:
    """A system prompt of 2 words and turns of 5: ``q0 one two`` and ``a0 three``."""
    chat = [system()]
    for number in range(turns):
        chat += [user(f"q{number} one two"), assistant(f"a{number} three")]
    return [*chat[:-1]] if turns else chat  # ends with the user's question


def texts(messages: Sequence[Mapping[str, Any]]) -> list[str]:
    return [str(message.get("content")).split()[0] for message in messages]


async def fit(policy: ContextWindow, chat: Chat, **options: Any) -> Fitted:
    return await policy.fit(chat, count=words, **options)


def fit_now(policy: ContextWindow, chat: Chat, **options: Any) -> Fitted:
    return asyncio.run(fit(policy, chat, **options))


# --- limits -----------------------------------------------------------------------------------


async def test_without_a_known_window_everything_passes() -> None:
    chat = talk(50)

    fitted = await fit(ContextWindow(), chat, overhead=7)

    assert fitted == Fitted(chat, sum(map(words, chat)) + 7, None)
    assert fitted.messages is not chat


async def test_what_fits_passes() -> None:
    chat = talk(3)  # 15 tokens
    with capture_logs() as logs:
        fitted = await fit(ContextWindow(max_input_tokens=20), chat)

    assert fitted == Fitted(chat, 15, None)
    assert logs == []


@pytest.mark.parametrize(
    ("window", "options", "limit"),
    [
        (ContextWindow(), {}, None),
        (ContextWindow(), {"max_tokens": 100}, None),
        (ContextWindow(max_input_tokens=500), {"max_tokens": 100}, 500),
        (ContextWindow(), {"window": 1000}, 750),  # a quarter for the answer
        (ContextWindow(), {"window": 200_000}, 200_000 - 4096),  # but at most 4,096
        (ContextWindow(), {"window": 1000, "max_tokens": 100}, 900),
        (ContextWindow(reserve=50), {"window": 1000, "max_tokens": 100}, 950),
        (ContextWindow(reserve=0), {"window": 1000}, 1000),
        (ContextWindow(max_input_tokens=500), {"window": 1000}, 500),
        (ContextWindow(max_input_tokens=950), {"window": 1000, "max_tokens": 100}, 900),
    ],
)
def test_the_limit(window: ContextWindow, options: dict[str, int], limit: int | None) -> None:
    assert window.limit(**options) == limit


async def test_the_overhead_takes_room() -> None:
    window = ContextWindow(max_input_tokens=20)

    assert (await fit(window, talk(3), overhead=5)).trimmed is None
    fitted = await fit(window, talk(3), overhead=6)

    assert texts(fitted.messages) == ["be", "q1", "a1", "q2"]
    assert fitted.tokens == 16
    assert fitted.trimmed == Trimmed(2, 5, "drop_oldest")


async def test_no_room_beside_the_answer() -> None:
    with pytest.raises(ContextLengthExceededError, match="leaves no room in a window of 100"):
        await fit(ContextWindow(), talk(2), window=100, max_tokens=100)


@pytest.mark.parametrize("strategy", ["drop_oldest", "keep_ends", lambda messages, limit: messages])
async def test_what_must_stay_and_does_not_fit(strategy: Any) -> None:
    chat = [system("one two three"), user("old"), user("a b c d e"), call("x"), result("x")]

    with pytest.raises(ContextLengthExceededError, match="have 10 tokens, 2 more than the 8"):
        await fit(ContextWindow(max_input_tokens=8, strategy=strategy), chat)


async def test_nothing_to_fit() -> None:
    assert await fit(ContextWindow(max_input_tokens=1), []) == Fitted([], 0)
    with pytest.raises(ContextLengthExceededError):
        await fit(ContextWindow(max_input_tokens=1), [system("too long")])


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (
            {"max_input_tokens": 0},
            "(max_input_tokens=0) is not allowed: a whole number of",
        ),
        ({"max_input_tokens": 1.5}, "max_input_tokens=1.5"),
        ({"max_input_tokens": True}, "max_input_tokens=True"),
        ({"reserve": -1}, "(reserve=-1) is not allowed: a whole number of at least 0"),
        ({"keep_first": 0}, "keep_first=0"),
        ({"strategy": "newest"}, "strategy='newest' is unknown: use drop_oldest, keep_ends"),
        ({"strategy": "summarize"}, "summarizer= go together"),
        ({"warn_at": 0}, "(warn_at=0) is not allowed: a number above 0 and at most 1"),
        ({"warn_at": 1.1}, "warn_at=1.1"),
        ({"warn_at": "all"}, "warn_at='all'"),
    ],
)
def test_wrong_settings(options: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        ContextWindow(**options)
    assert told in str(caught.value)


def test_a_summarizer_without_its_strategy_is_refused() -> None:
    with pytest.raises(ConfigurationError):
        ContextWindow(summarizer=Summarizer())


def test_repr() -> None:
    assert repr(ContextWindow(100, strategy="keep_ends")) == (
        "ContextWindow(max_input_tokens=100, reserve=None, strategy='keep_ends', warn_at=0.9)"
    )


# --- drop_oldest and keep_ends ----------------------------------------------------------------


async def test_drop_oldest_keeps_the_latest_turns() -> None:
    with capture_logs() as logs:
        fitted = await fit(ContextWindow(max_input_tokens=16, warn_at=1), talk(10))

    assert texts(fitted.messages) == ["be", "q7", "a7", "q8", "a8", "q9"]
    assert fitted.tokens == 15
    assert fitted.trimmed == Trimmed(messages=14, tokens=35, strategy="drop_oldest")
    assert logs[1:] == [
        {
            "event": "context_window_trimmed",
            "log_level": "info",
            "strategy": "drop_oldest",
            "dropped_messages": 14,
            "dropped_tokens": 35,
            "kept_messages": 6,
            "tokens": 15,
            "limit": 16,
        }
    ]


async def test_keep_ends_keeps_the_first_turn_too() -> None:
    fitted = await fit(ContextWindow(max_input_tokens=16, strategy="keep_ends"), talk(10))

    assert texts(fitted.messages) == ["be", "q0", "a0", "q8", "a8", "q9"]
    assert fitted.trimmed == Trimmed(14, 35, "keep_ends")


async def test_keep_ends_may_keep_more_turns() -> None:
    window = ContextWindow(max_input_tokens=20, strategy="keep_ends", keep_first=2)

    fitted = await fit(window, talk(10))

    assert texts(fitted.messages) == ["be", "q0", "a0", "q1", "a1", "q8", "a8", "q9"]


async def test_keep_ends_leaves_out_a_first_turn_without_room() -> None:
    chat = [user("long " * 30), *talk(4)[1:]]

    fitted = await fit(ContextWindow(max_input_tokens=14, strategy="keep_ends"), chat)

    assert texts(fitted.messages) == ["q1", "a1", "q2", "a2", "q3"]


@pytest.mark.parametrize("strategy", ["drop_oldest", "keep_ends"])
async def test_a_greeting_goes_before_the_users_words(strategy: str) -> None:
    chat = [system(), assistant("hello how can I help you"), *talk(3)[1:]]  # 21 tokens

    fitted = await fit(ContextWindow(max_input_tokens=18, strategy=strategy), chat)

    assert texts(fitted.messages) == ["be", "q0", "a0", "q1", "a1", "q2"]


async def test_tool_results_go_with_their_call() -> None:
    chat = [user("old"), call("a", "b"), result("a"), result("b", "b " * 20), assistant("so")]
    chat += [user("new"), call("c"), result("c")]

    fitted = await fit(ContextWindow(max_input_tokens=10), chat)

    assert fitted.messages == chat[5:]
    assert fitted.trimmed == Trimmed(5, 25, "drop_oldest")


async def test_everything_after_the_last_user_message_stays() -> None:
    chat = [user("old words"), assistant("fine"), user("go")]
    for number in range(5):
        chat += [call(f"c{number}"), result(f"c{number}", "x y")]

    fitted = await fit(ContextWindow(max_input_tokens=17), chat)

    assert fitted.messages == chat[2:]


async def test_without_a_user_message_the_latest_stays() -> None:
    chat = [system(), assistant("one two"), call("a"), result("a", "x y z")]

    fitted = await fit(ContextWindow(max_input_tokens=6), chat)

    assert fitted.messages == [chat[0], *chat[2:]]
    only_results = [result("a", "x"), result("b", "y")]
    assert (await fit(ContextWindow(max_input_tokens=9), only_results)).messages == only_results


async def test_orphan_tool_results_at_the_start_go() -> None:
    chat = [system(), result("gone"), result("lost", "too"), assistant("so"), user("next")]

    fitted = await fit(ContextWindow(max_input_tokens=100), chat)

    assert fitted.messages == [chat[0], *chat[3:]]
    assert fitted.trimmed == Trimmed(2, 2, "drop_oldest")
    assert (await fit(ContextWindow(), chat)).messages == chat


# --- error, and the warning -------------------------------------------------------------------


async def test_error_tells_the_numbers() -> None:
    window = ContextWindow(max_input_tokens=12, strategy="error")

    with pytest.raises(
        ContextLengthExceededError, match="has 15 tokens, 3 more than the 12 that fit"
    ):
        await fit(window, talk(3))
    assert (await fit(window, talk(2))).trimmed is None


async def test_warns_once_with_event_and_callback() -> None:
    told: list[tuple[int, int]] = []
    window = ContextWindow(max_input_tokens=20, warn_at=0.7, on_warning=lambda *a: told.append(a))
    with capture_logs() as logs:
        await fit(window, talk(3))

    assert told == [(15, 20)]
    assert logs == [
        {
            "event": "context_window_warning",
            "log_level": "warning",
            "tokens": 15,
            "limit": 20,
            "share": 0.75,
        }
    ]
    await fit(window, talk(2))
    assert len(told) == 1


async def test_the_callback_may_be_async_and_may_fail() -> None:
    told: list[int] = []

    async def tell(tokens: int, limit: int) -> None:
        told.append(tokens)
        raise ValueError("the listener's own trouble")

    with capture_logs() as logs:
        fitted = await fit(ContextWindow(max_input_tokens=15, on_warning=tell), talk(3))

    assert told == [fitted.tokens]
    assert logs[-1]["event"] == "context_window_callback_failed"
    assert logs[-1]["error"] == "ValueError"


async def test_events_hold_no_content() -> None:
    secret = "Rumpelstiltskin"
    chat = [system(secret), user(f"{secret} " * 9), assistant(secret), user(secret)]
    with capture_logs() as logs:
        await fit(ContextWindow(max_input_tokens=5), chat)
        with pytest.raises(ContextLengthExceededError) as caught:
            await fit(ContextWindow(max_input_tokens=1), chat)

    assert len(logs) >= 3
    assert secret not in str(logs) + str(caught.value)


# --- summarize --------------------------------------------------------------------------------


class Summarizer(LLMInterface):
    """Answers with the first word of each line it was given, or fails."""

    def __init__(self, answer: str | BaseException | None = None) -> None:
        self.answer = answer
        self.asked: list[tuple[list[Message], int | None]] = []

    async def generate(
        self,
        messages: list[Message],
        temperature: float | None = None,
        max_tokens: int | None = None,
        **kwargs: Any,
    ) -> str:
        self.asked.append((messages, max_tokens))
        await asyncio.sleep(0)
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer if self.answer is not None else f"summary {len(self.asked)}"

    async def stream(
        self, messages: list[Message], *args: Any, **kwargs: Any
    ) -> AsyncIterator[str]:
        yield await self.generate(messages)

    def get_token_count(self, text: str) -> int:
        return len(text.split())

    async def check_connection(self) -> bool:
        return True

    async def list_models(self) -> list[str]:
        return []

    def get_model_info(self) -> dict[str, Any]:
        return {}

    def set_system_prompt(self, prompt: str) -> None:
        raise NotImplementedError

    def get_system_prompt(self) -> str | None:
        return None


def summarizing(summarizer: Summarizer, limit: int = 200) -> ContextWindow:
    return ContextWindow(max_input_tokens=limit, strategy="summarize", summarizer=summarizer)


async def test_a_summary_stands_after_the_system_prompt() -> None:
    summarizer = Summarizer()
    chat = talk(60)  # 300 tokens

    fitted = await fit(summarizing(summarizer), chat)

    head, note, *rest = fitted.messages
    assert head == chat[0]
    assert note == {"role": "user", "content": "[Summary of the earlier conversation]\nsummary 1"}
    assert rest == chat[-len(rest) :]
    assert rest[0]["role"] == "user"
    assert len(rest) > 50
    assert fitted.tokens == sum(map(words, fitted.messages)) <= 200
    assert fitted.trimmed == Trimmed(len(chat) - 1 - len(rest), 300 - fitted.tokens, "summarize")
    [(asked, max_tokens)] = summarizer.asked
    assert [message.role.value for message in asked] == ["system", "user"]
    assert "user: q0 one two\nassistant: a0 three\n" in asked[1].content
    assert rest[0]["content"] not in asked[1].content
    assert max_tokens is not None
    assert 16 <= max_tokens <= 48


async def test_a_summary_serves_the_next_turns_too() -> None:
    summarizer = Summarizer()
    window = summarizing(summarizer)
    sizes = []
    for turns in range(55, 75):
        fitted = await fit(window, talk(turns))
        sizes.append(len(summarizer.asked))
        assert fitted.tokens <= 200
        assert fitted.trimmed is not None

    assert sizes[0] == 1
    assert sizes[-1] in (2, 3)
    # The second starts from the first, and reads none of its messages again.
    second = summarizer.asked[1][0][1].content
    assert second.startswith("Summary so far:\nsummary 1\n\nWhat followed:\nuser: q")
    assert "q0 one" not in second


async def test_another_conversation_gets_its_own_summary() -> None:
    summarizer = Summarizer()
    window = summarizing(summarizer)
    await fit(window, talk(60))
    other = talk(60)
    other[1] = user("another first question")

    await fit(window, other)

    assert len(summarizer.asked) == 2
    assert "Summary so far" not in summarizer.asked[1][0][1].content


async def test_summaries_are_forgotten_one_day() -> None:
    summarizer = Summarizer()
    window = summarizing(summarizer)
    for number in range(70):
        await fit(window, [user(f"talk {number}"), *talk(60)[1:]])

    await fit(window, [user("talk 69"), *talk(60)[1:]])
    assert len(summarizer.asked) == 70
    await fit(window, [user("talk 0"), *talk(60)[1:]])
    assert len(summarizer.asked) == 71


async def test_long_parts_are_summarized_in_pieces() -> None:
    summarizer = Summarizer()
    chat = [user("start " + "x" * 4500), assistant("so"), *talk(60)[1:]]
    chat.insert(3, call("c"))
    chat.insert(4, result("c", "42"))
    chat.insert(
        5, {"role": "user", "content": [{"type": "text", "text": "see"}, {"type": "image"}]}
    )

    await ContextWindow(max_input_tokens=200, strategy="summarize", summarizer=summarizer).fit(
        chat, count=lambda m: words(m) if isinstance(m.get("content"), str) else 2
    )

    pieces = [asked[1].content for asked, _ in summarizer.asked]
    assert len(pieces) >= 3
    assert max(map(len, pieces)) < 2200
    whole = "".join(pieces)
    assert whole.count("x" * 10) >= 400
    assert "[calls f({})]" in whole
    assert "tool: 42" in whole
    assert "see [image]" in whole
    assert "Summary so far:\nsummary 1" in pieces[1]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (RateLimitError("slow down", "openai"), "RateLimitError"),
        (OSError("no network"), "OSError"),
        ("   ", "empty"),
        ("word " * 500, "too long"),
    ],
)
async def test_a_failed_summary_loses_the_turns_but_not_the_call(
    answer: str | BaseException, reason: str
) -> None:
    with capture_logs() as logs:
        fitted = await fit(summarizing(Summarizer(answer)), talk(60))

    dropped = await fit(ContextWindow(max_input_tokens=200), talk(60))
    assert fitted.messages == dropped.messages
    assert fitted.trimmed == Trimmed(dropped.trimmed.messages, dropped.trimmed.tokens, "summarize")  # type: ignore[union-attr]
    [failed] = [entry for entry in logs if entry["event"] == "context_summary_failed"]
    assert failed["reason"] == reason
    assert failed["log_level"] == "warning"


async def test_no_room_for_a_summary() -> None:
    summarizer = Summarizer()
    with capture_logs() as logs:
        fitted = await fit(summarizing(summarizer, limit=30), talk(10))

    assert texts(fitted.messages)[:2] == ["be", "q4"]
    assert summarizer.asked == []
    assert logs[1]["event"] == "context_summary_failed"


async def test_a_cancelled_call_stays_cancelled() -> None:
    with pytest.raises(asyncio.CancelledError):
        await fit(summarizing(Summarizer(asyncio.CancelledError())), talk(60))


async def test_a_summarizer_with_the_same_window_does_not_summarize_itself() -> None:
    class Nested(Summarizer):
        async def generate(self, messages: list[Message], *args: Any, **kwargs: Any) -> str:
            inner = await fit(window, talk(60))
            assert inner.trimmed is not None
            self.asked.append((messages, None))
            return "short"

    summarizer = Nested()
    window = summarizing(summarizer)

    fitted = await fit(window, talk(60))

    assert len(summarizer.asked) == 1
    assert fitted.messages[1]["content"].endswith("short")


# --- a function of the user's -----------------------------------------------------------------


def custom(strategy: Any, limit: int = 20) -> ContextWindow:
    return ContextWindow(max_input_tokens=limit, strategy=strategy)


async def test_a_plain_function_fits() -> None:
    given: list[tuple[Chat, int]] = []

    def middle_out(messages: Chat, limit: int) -> Chat:
        given.append((messages, limit))
        return [messages[0], *messages[-3:]]

    chat = talk(10)
    fitted = await fit(custom(middle_out), chat, overhead=4)

    assert fitted.messages == [chat[0], *chat[-3:]]
    assert fitted.tokens == 14
    assert fitted.trimmed == Trimmed(16, 40, "middle_out")
    assert given == [(chat, 16)]


async def test_an_async_function_may_rewrite() -> None:
    class Shorten:
        async def __call__(self, messages: Chat, limit: int) -> Chat:
            await asyncio.sleep(0)
            for message in messages[1:-1]:
                message["content"] = message["content"][:2]
            return messages

    chat = talk(4)  # 20 tokens
    before = copy.deepcopy(chat)
    fitted = await fit(custom(Shorten(), limit=19), chat)

    assert texts(fitted.messages) == texts(chat)
    assert chat == before
    assert fitted.tokens == 11
    assert fitted.trimmed == Trimmed(0, 9, "Shorten")


@pytest.mark.parametrize(
    ("strategy", "told"),
    [
        (lambda messages, limit: [], "must return a list of messages with at least one in it"),
        (lambda messages, limit: None, "must return a list"),
        (lambda messages, limit: "text", "must return a list"),
        (lambda messages, limit: [{"content": "no role"}], "must return a list"),
        (lambda messages, limit: messages, "returned 24 tokens, 4 more than the 20 that fit"),
        (lambda messages, limit: messages[1:][-4:], "without the system prompt at their start"),
        (lambda messages, limit: messages[:3], "do not end with the last user turn"),
        (
            lambda messages, limit: [messages[0], *messages[3:]],
            "a tool result without its tool call",
        ),
        (
            lambda messages, limit: [*messages[:3], *messages[5:]],
            "a tool call without its result",
        ),
        (
            lambda messages, limit: [*messages[:3], messages[5], messages[3], *messages[6:]],
            "a tool result without its tool call",
        ),
    ],
)
async def test_what_a_function_returns_is_checked(strategy: Callable[..., Any], told: str) -> None:
    chat = [system(), user("old one"), call("a", "b"), result("a"), result("b", "x " * 10)]
    chat += [assistant("fine"), user("six more words for the end")]

    with pytest.raises(ConfigurationError) as caught:
        await fit(custom(strategy), chat)
    assert told in str(caught.value)


async def test_errors_of_a_function() -> None:
    def broken(messages: Chat, limit: int) -> Chat:
        raise KeyError("content")

    def refuse(messages: Chat, limit: int) -> Chat:
        raise ContextLengthExceededError("my own words")

    with pytest.raises(ConfigurationError, match="'broken' failed with KeyError") as caught:
        await fit(custom(broken), talk(10))
    assert isinstance(caught.value.__cause__, KeyError)
    with pytest.raises(ContextLengthExceededError, match="my own words"):
        await fit(custom(refuse), talk(10))


# --- invariants -------------------------------------------------------------------------------

_text = st.integers(0, 12).map(lambda n: " ".join(["word"] * n))


@st.composite
def conversations(draw: st.DrawFn, sound: bool = True) -> Chat:
    """A conversation as vendors take it; ``sound=False``: or as a rolling window leaves it."""
    chat: Chat = [system(draw(_text))] if draw(st.booleans()) else []
    if not sound:
        chat += [result(f"lost{n}", draw(_text)) for n in range(draw(st.integers(0, 2)))]
    if draw(st.booleans()):
        chat.append(assistant(draw(_text)))
    for turn in range(draw(st.integers(0, 8))):
        chat.append(user(draw(_text)))
        for step in range(draw(st.integers(0, 2))):
            ids = [f"c{turn}.{step}.{n}" for n in range(draw(st.integers(1, 3)))]
            chat += [call(*ids), *(result(name, draw(_text)) for name in ids)]
        if draw(st.booleans()):
            chat.append(assistant(draw(_text)))
    return chat


def check_sound(kept: Chat, chat: Chat) -> None:
    assert bool(kept) == bool(chat)
    heads = [m for m in chat if m["role"] == "system"]
    assert kept[: len(heads)] == heads
    users = [index for index, m in enumerate(chat) if m["role"] == "user"]
    if users:
        assert kept[len(kept) - (len(chat) - users[-1]) :] == chat[users[-1] :]
    waiting: set[str] = set()
    seen_call = False
    for message in kept:
        if message["role"] == "tool":
            # A list of nothing but lost results stays, or it would be empty.
            assert message["tool_call_id"] in waiting or all(
                m["role"] in ("system", "tool") for m in chat
            )
            waiting.discard(message["tool_call_id"])
        else:
            assert not waiting
            waiting = {c["id"] for c in message.get("tool_calls") or ()}
            seen_call = seen_call or bool(waiting)
    assert not waiting


def needed(chat: Chat, overhead: int) -> int:
    """What cannot be left out."""
    users = [index for index, m in enumerate(chat) if m["role"] == "user"]
    heads = [m for m in chat if m["role"] == "system"]
    return sum(map(words, heads + chat[users[-1] :])) + overhead


@pytest.mark.sized
@settings(max_examples=sized(300, 50), deadline=None)
@given(
    conversations(),
    st.integers(1, 120),
    st.integers(0, 10),
    st.sampled_from(["drop_oldest", "keep_ends", "summarize"]),
)
def test_what_is_kept_is_a_sound_conversation(
    chat: Chat, limit: int, overhead: int, strategy: str
) -> None:
    before = copy.deepcopy(chat)
    summarizer = Summarizer() if strategy == "summarize" else None
    window = ContextWindow(limit, strategy=strategy, summarizer=summarizer)
    try:
        fitted = fit_now(window, chat, overhead=overhead)
    except ContextLengthExceededError:
        assert sum(map(words, chat)) + overhead > limit
        if any(m["role"] == "user" for m in chat):
            assert needed(chat, overhead) > limit
        return
    finally:
        assert chat == before

    check_sound(fitted.messages, chat)
    assert fitted.tokens == sum(map(words, fitted.messages)) + overhead
    assert fitted.tokens <= limit or not chat
    fits = sum(map(words, chat)) + overhead <= limit or not chat
    assert (fitted.trimmed is None) == fits
    if fits:
        assert fitted.messages == chat
    else:
        assert fitted.trimmed is not None
        assert fitted.trimmed.messages >= 1
        if any(m["role"] == "user" for m in chat):
            begin = next(m for m in fitted.messages if m["role"] != "system")
            assert begin["role"] == "user"
    if strategy != "summarize":
        # A subsequence: nothing new, nothing moved.
        rest = iter(chat)
        assert all(any(message is other for other in rest) for message in fitted.messages)


@pytest.mark.sized
@settings(max_examples=sized(150, 30), deadline=None)
@given(conversations(sound=False), st.integers(1, 120))
def test_lost_tool_results_never_come_first(chat: Chat, limit: int) -> None:
    try:
        fitted = fit_now(ContextWindow(limit), chat)
    except ContextLengthExceededError:
        return
    check_sound(fitted.messages, chat)


@pytest.mark.sized
@settings(max_examples=sized(100, 30), deadline=None)
@given(conversations(), st.integers(1, 120))
def test_drop_oldest_drops_no_more_than_it_must(chat: Chat, limit: int) -> None:
    try:
        fitted = fit_now(ContextWindow(limit), chat)
    except ContextLengthExceededError:
        return
    if fitted.trimmed is None or not any(m["role"] == "user" for m in chat):
        return
    start = len(chat) - len([m for m in fitted.messages if m["role"] != "system"])
    before = [i for i, m in enumerate(chat[:start]) if m["role"] == "user"]
    if before:
        one_more = sum(map(words, chat[before[-1] : start]))
        assert fitted.tokens + one_more > limit


# --- cost -------------------------------------------------------------------------------------


async def test_each_message_is_counted_once() -> None:
    counted = 0

    def count(message: Mapping[str, Any]) -> int:
        nonlocal counted
        counted += 1
        return words(message)

    chat = talk(500)
    for strategy in ("drop_oldest", "keep_ends"):
        counted = 0
        await ContextWindow(100, strategy=strategy).fit(chat, count=count)
        assert counted == len(chat)


async def test_the_time_grows_with_the_history_only() -> None:
    async def seconds(messages: int) -> float:
        chat = [user("five words in every message") for _ in range(messages)]
        best = 9.0
        for _ in range(5):
            start = time.process_time()
            await ContextWindow(messages).fit(chat, count=lambda message: 5)
            best = min(best, time.process_time() - start)
        return best

    small, large = await seconds(2_000), await seconds(20_000)

    # Ten times the messages. A quadratic way would take a hundred times; the rest is for a machine
    # that is busy with other things.
    assert large < 50 * small


async def test_2000_messages_in_less_than_three_times_tiktoken_alone() -> None:
    counter = counter_for("openai", "gpt-4o")
    counter.load()
    import tiktoken

    encode = tiktoken.get_encoding("o200k_base").encode_ordinary
    ratios = []
    for number in range(5):
        chat = [user(f"Message {number}.{n} is about nothing much.") for n in range(2000)]
        start = time.process_time()
        tokens = sum(len(encode(message["content"])) for message in chat)
        alone = time.process_time() - start
        start = time.process_time()
        fitted = await ContextWindow(tokens).fit(chat, count=counter.message)
        ratios.append((time.process_time() - start) / alone)
        assert fitted.trimmed is not None

    # The best of five, as the other processes of the machine take their share at random.
    assert min(ratios) < 3
