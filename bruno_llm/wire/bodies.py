"""The body of an error, cut to what says something.

Whatever reads it afterwards, here and in litellm, goes over it with dozens of patterns: a body of
2 MB, such as a proxy's page or an image that is echoed, blocked the event loop for 20 s, and no
timeout applies to that.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from bruno_llm.wire.shape import read_json

if TYPE_CHECKING:
    import httpx

__all__ = ["MAX_RESPONSE_BYTES", "cut", "read_error"]

MAX_RESPONSE_BYTES = 64 * 1024 * 1024
"""The most that an answer may hold when nobody says otherwise, in bytes."""

_MOST_READ = 1 << 20
# litellm searches what it logs of a failure for keys: the body, thrice in one traceback, at 1 ms a
# KiB (secret_redaction.py). 16 KiB held up the event loop for 100 ms.
_MOST_KEPT = 6 << 10
# Longer than what the message of an error looks at (redaction.py): a cut is never within it.
_LONGEST_TEXT = 4200
_MOST_ITEMS = 50
_DEEPEST = 10


async def read_error(response: httpx.Response) -> bytes:
    """The first megabyte of an error's body, decompressed; what follows is not read.

    The caller closes the response.
    """
    found = bytearray()
    async for chunk in response.aiter_bytes():
        found += chunk
        if len(found) >= _MOST_READ:
            break
    return bytes(found[:_MOST_READ])


def cut(body: bytes) -> bytes:
    """The body with at most 6 KiB; a shorter one is not touched.

    Of JSON the long texts and lists are cut first, so that it stays JSON where that is enough.
    """
    if len(body) <= _MOST_KEPT:
        return body
    try:
        shorter = json.dumps(_shorter(read_json(body), _DEEPEST)).encode()
    except ValueError:
        shorter = body
    return shorter[:_MOST_KEPT]


def _shorter(value: Any, deep: int) -> Any:
    if isinstance(value, str):
        return value if len(value) <= _LONGEST_TEXT else f"{value[:_LONGEST_TEXT]}…"
    if isinstance(value, dict):
        few = list(value.items())[:_MOST_ITEMS] if deep else []
        return {key[:_LONGEST_TEXT]: _shorter(inner, deep - 1) for key, inner in few}
    if isinstance(value, list):
        return [_shorter(inner, deep - 1) for inner in (value[:_MOST_ITEMS] if deep else ())]
    return value
