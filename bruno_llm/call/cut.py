"""Whether a server left a part of the prompt out without a word."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bruno_llm._runtime.log import get_logger
from bruno_llm.call.chat import ChatCall
from bruno_llm.completion import Usage
from bruno_llm.messages.chat import ChatMessage

__all__ = ["was_cut"]

logger = get_logger(__name__)

# So much shorter than counted is no error of the estimate (docs/context.md: within a third on
# plain text; 100 tokens leave room for the frames of a chat template).
_SHARE = 2.0
_FRAMES = 100
_FRAME = 10  # tokens of one message besides its text, at most
_PLAIN = {"role", "content"}
# Other scripts are counted with a vocabulary made for English, up to five times too high.
_OTHER_SCRIPTS = 4.0


def was_cut(call: ChatCall, usage: Usage) -> bool:
    """Compare what the server read with what was counted here.

    Ollama (0.9.3, recorded) leaves whole messages out, oldest first, at times the system prompt,
    and says so by ``prompt_eval_count`` alone: 37 tokens of 943 counted, 22 of 937, or just its
    window. A prompt that it had in its cache counts in full all the same.
    """
    endpoint = call.endpoint
    if usage.estimated:
        return False
    asked = endpoint._described
    window = call.options.get("num_ctx") or (asked and asked.window)
    window = window or endpoint._vendor.silent_window
    read = usage.prompt_tokens
    enough = (read + _FRAMES) * _SHARE
    if _is_short(call, enough if window is None else min(enough, window)):
        return False
    counted = call.prompt_tokens
    full = window is not None and counted > window and window // 2 <= read <= window
    if not full and not _is_far_less(call, read, counted):
        return False
    logger.warning(
        "prompt_cut_by_server",
        provider=endpoint.name,
        model=endpoint.model,
        prompt_tokens=read,
        counted=counted,
        num_ctx=window,
    )
    return True


def _is_short(call: ChatCall, tokens: float) -> bool:
    """Whether the prompt has fewer tokens for sure: each has a byte at least.

    Counting takes a vocabulary, which takes 0.1 s or more of the first call.
    """
    request = call.request
    if any(turn.keys() != _PLAIN for turn in request.chat) or request.options.get("tools"):
        return False
    texts = [turn["content"] for turn in request.chat]
    if not all(isinstance(text, str) for text in texts):
        return False
    return sum(_FRAME + len(text.encode(errors="replace")) for text in texts) < tokens


def _is_far_less(call: ChatCall, read: int, counted: int) -> bool:
    if (read + _FRAMES) * _SHARE > counted:
        return False
    texts = list(_texts(call.request.chat))
    if None in texts:  # what an image counts differs from model to model
        return False
    text = "".join(filter(None, texts))
    foreign = 1 - len(text.encode("ascii", "ignore")) / max(1, len(text))
    return (read + _FRAMES) * (_SHARE + _OTHER_SCRIPTS * foreign) <= counted


def _texts(chat: Sequence[ChatMessage]) -> Iterator[str | None]:
    """The texts of the messages, ``None`` for a part that is no text."""
    for message in chat:
        content = message.get("content")
        if isinstance(content, str):
            yield content
            continue
        for part in content or ():
            yield str(part.get("text") or "") if part.get("type") == "text" else None
