"""How vcrpy is set up; imported only when a cassette is used, as vcrpy is an optional library.

vcrpy's own file handling and matching are replaced where they fall short: it opens files in the
locale's encoding, compares JSON bodies as bytes when the content type is not JSON (Ollama's wire),
and its messages do not say which words of a prompt changed.
"""

from __future__ import annotations

import contextlib
import difflib
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from vcr import VCR
from vcr.cassette import Cassette
from vcr.persisters.filesystem import CassetteNotFoundError
from vcr.record_mode import RecordMode
from vcr.serialize import deserialize, serialize

from bruno_llm.testing.cassettes.compare import (
    REDACTED,
    lines,
    same_body,
    scrubbed_request,
    scrubbed_response,
    title,
)
from bruno_llm.testing.cassettes.secrets import find_secrets
from bruno_llm.testing.cassettes.tape import CassetteError, Tape

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

# YAML reads all of these as the end of a line and does not give them back as they were.
LINE_BREAKS = frozenset("\r\x85\u2028\u2029")


def open_cassette(tape: Tape) -> AbstractContextManager[None]:
    """Play or record ``tape`` while the context lasts."""
    secrets: set[str] = set()

    def scrub(request: Any) -> Any:
        return scrubbed_request(request, secrets)

    vcr = VCR(
        record_mode=RecordMode.ALL if tape.recording else RecordMode.NONE,
        match_on=("method", "path", "query", "json_body"),
        before_record_request=scrub,
        before_record_response=scrubbed_response,
        decode_compressed_response=True,
        record_on_exception=False,
    )
    vcr.register_matcher("json_body", same_body)
    vcr.register_serializer("readable", _Serializer(tape))
    vcr.serializer = "readable"
    persister = _Persister(tape)
    vcr.register_persister(persister)
    context = _StrictCassette.use(**vcr.get_merged_config(path=str(tape.path)))
    return _opened(tape, context, persister, secrets)


@contextlib.contextmanager
def _opened(tape: Tape, context: Any, persister: _Persister, secrets: set[str]) -> Iterator[None]:
    with contextlib.suppress(_Abandoned), context as cassette:
        cassette.tape = tape
        yield
        count = len(cassette)
        unplayed = [r for i, r in enumerate(cassette.requests) if not cassette.play_counts[i]]
        if tape.abandoned:
            raise _Abandoned  # vcrpy does not save when an exception passes
        if tape.recording:
            if not count:
                raise CassetteError(f"nothing was recorded for {tape.path}: no request was sent")
            if not tape.recorded_from:
                raise CassetteError(
                    f"{tape.path}: set `cassette.recorded_from` to the server it is recorded from"
                )
        elif tape.unrecorded:
            # Whoever sent it caught even a BaseException.
            raise CassetteError(tape.unrecorded[0])
        elif unplayed:
            missing = "\n".join(f"  {title(request)}" for request in unplayed)
            raise CassetteError(
                f"{tape.path} was only partly played; {len(unplayed)} of {count} requests were "
                f"never sent:\n{missing}"
            )
    if persister.text is not None:
        _write(tape.path, persister.text, secrets)


def _write(path: Path, text: str, secrets: set[str]) -> None:
    """Write the file whole or not at all, and never with a secret in it."""
    for secret in secrets:
        text = text.replace(secret, REDACTED)  # a server may echo the key in an error
    found = find_secrets(text)
    if found:
        raise CassetteError(f"{path} was not written, it would hold {'; '.join(found)}")
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, partial = tempfile.mkstemp(dir=path.parent, suffix=".partial")
    with open(handle, "w", encoding="utf-8", newline="\n") as file:
        file.write(text)
    os.chmod(partial, 0o644)  # a temporary file is for its owner alone
    os.replace(partial, path)


class _Abandoned(Exception):
    """Leaves vcrpy's context without saving."""


class _StrictCassette(Cassette):  # type: ignore[misc]  # vcrpy has no type information
    """A cassette that explains, in terms of the JSON sent, why a request is not in it."""

    tape: Tape

    def can_play_response_for(self, request: Any) -> bool:
        if super().can_play_response_for(request):
            return True
        if self.record_mode == RecordMode.NONE:
            raise self.tape.refuse(self._explain(self.filter_request(request)))
        return False

    def _explain(self, request: Any) -> str:
        sent = lines(request)
        ahead = [r for i, r in enumerate(self.requests) if not self.play_counts[i]]
        if not ahead:
            return f"{title(request)}: all of its {len(self)} requests were already played"
        recorded = max(
            map(lines, ahead), key=lambda one: difflib.SequenceMatcher(a=one, b=sent).ratio()
        )
        diff = difflib.unified_diff(recorded, sent, "recorded", "sent", n=2, lineterm="")
        return "\n".join([title(request), *diff])


class _Persister:
    """Reads the file in UTF-8, and keeps the text to be written for later.

    An error while vcrpy saves would leave its patches in place until some garbage collection.
    """

    def __init__(self, tape: Tape) -> None:
        self.text: str | None = None
        self._tape = tape

    def load_cassette(self, path: str, serializer: Any) -> Any:
        if self._tape.recording:
            raise CassetteNotFoundError  # what is there is recorded anew
        try:
            return deserialize(Path(path).read_text("utf-8"), serializer)
        except (ValueError, KeyError, TypeError, yaml.YAMLError) as error:
            raise CassetteError(f"{path} is not a cassette: {error!r}") from error

    def save_cassette(self, path: str, cassette_dict: Any, serializer: Any) -> None:
        self.text = serialize(cassette_dict, serializer)


class _Serializer:
    """YAML that a reviewer can read: bodies as blocks, and the server on the first line."""

    def __init__(self, tape: Tape) -> None:
        self._tape = tape

    def serialize(self, data: dict[str, Any]) -> str:
        whole = {"recorded_from": self._tape.recorded_from, **data}
        # No folding: a secret that is cut in two would not be found.
        return yaml.dump(
            whole, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=float("inf")
        )

    def deserialize(self, text: str) -> dict[str, Any]:
        data: dict[str, Any] = yaml.safe_load(text)
        if not data["recorded_from"]:
            raise ValueError("recorded_from is empty")
        self._tape.recorded_from = data["recorded_from"]
        return data


class _Dumper(yaml.SafeDumper):
    pass


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    block = "\n" in text and LINE_BREAKS.isdisjoint(text)
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if block else None)


_Dumper.add_representer(str, _represent_text)
