"""Counting the tokens of a text offline, by tiktoken's vocabularies.

They come out of the installed litellm package, whose folder is found without importing it, and
are loaded at the first count (about 0.3 s each).
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import sys
from collections.abc import Callable, Iterator
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from bruno_llm._runtime.files import read_regular
from bruno_llm._runtime.forks import new_lock
from bruno_llm._runtime.log import get_logger

if TYPE_CHECKING:
    import tiktoken


__all__ = ["SHORT", "text_counters"]

logger = get_logger(__name__)

_CHUNK = 20_000
"""Characters counted at a time. tiktoken's pattern overflows its stack on a million spaces and
slows down on long runs of one character; up to this length neither shows (< 5 ms)."""

SHORT = 1024
"""Characters of a text whose count is remembered: a conversation is counted again every turn."""
_CACHED_TEXTS = 8192  # at most 8 MB of plain English

# File name and SHA-256 of the vocabularies, as tiktoken itself checks them. They are checked here
# first, because tiktoken would delete a file that differs and fetch another.
_VOCABULARIES = {
    "o200k_base": (
        "fb374d419588a4632f3f557e76b4b70aebbca790",
        "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d",
    ),
    "cl100k_base": (
        "9b5ad71b2ce5302211f9c61530b329a4922fc6a4",
        "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
    ),
}
_MOST_BYTES = 16 << 20  # the largest has 3.6 MB
_CACHE_VARIABLE = "TIKTOKEN_CACHE_DIR"
_loading = new_lock()


def _vocabulary_folder(name: str) -> Path | None:
    """The folder that holds the vocabulary: litellm's, or the user's own tiktoken cache."""
    file, digest = _VOCABULARIES[name]
    spec = importlib.util.find_spec("litellm")
    folders = [
        Path(place, "litellm_core_utils", "tokenizers")
        for place in (spec.submodule_search_locations or () if spec else ())
    ]
    if os.environ.get(_CACHE_VARIABLE):
        folders.append(Path(os.environ[_CACHE_VARIABLE]))
    for folder in folders:
        try:
            content, _ = read_regular(folder / file, _MOST_BYTES)
        except OSError:
            continue
        if hashlib.sha256(content).hexdigest() == digest:
            return folder
    return None


def _load(name: str) -> tiktoken.Encoding | None:
    folder = _vocabulary_folder(name)
    if folder is None:
        logger.warning("tokenizer_missing", encoding=name, counting="4 bytes per token")
        return None
    import tiktoken

    with _loading:
        before = os.environ.get(_CACHE_VARIABLE)
        os.environ[_CACHE_VARIABLE] = str(folder)
        try:
            return tiktoken.get_encoding(name)
        finally:
            if before is not None:
                os.environ[_CACHE_VARIABLE] = before
            # litellm sets the variable for good. When another thread imported it meanwhile,
            # removing the variable would send its next vocabulary to the network.
            elif "litellm" not in sys.modules:
                os.environ.pop(_CACHE_VARIABLE, None)


@cache
def text_counters(name: str) -> tuple[Callable[[str], int], Callable[[str], int]]:
    """Two functions that count in that encoding: any text, and a short one with a memory."""
    encoding = _load(name)
    if encoding is None:

        def encode_length(text: str) -> int:
            return (len(text.encode("utf-8", "replace")) + 3) // 4

    else:
        encode = encoding.encode_ordinary  # special tokens such as <|endoftext|> are text here

        def encode_length(text: str) -> int:
            return len(encode(text))

    remembered = lru_cache(maxsize=_CACHED_TEXTS)(encode_length)

    def count(text: str) -> int:
        length = len(text)
        if length <= SHORT:
            return remembered(text)
        if length <= _CHUNK:
            return encode_length(text)
        return sum(map(encode_length, _chunks(text)))

    return count, remembered


def _chunks(text: str) -> Iterator[str]:
    """Cut before a space that opens a word: a token never spans that place.

    Only a text without any such space in 20,000 characters is cut anywhere, which may add a token
    per cut.
    """
    start = 0
    while len(text) - start > _CHUNK:
        end = start + _CHUNK
        at = text.rfind(" ", start + 1, end)
        while at > start and not (text[at + 1].isalpha() and text[at - 1].isalnum()):
            at = text.rfind(" ", start + 1, at)
        if at > start:
            end = at
        yield text[start:end]
        start = end
    yield text[start:]
