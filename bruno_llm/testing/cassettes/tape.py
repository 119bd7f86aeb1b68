"""A cassette in use, and the errors that it raises."""

from __future__ import annotations

from pathlib import Path

HOW_TO_RECORD = "record it with: pytest --record-cassettes"


class CassetteError(AssertionError):
    """A cassette is missing, broken, only partly played, or would hold a secret."""


class UnrecordedRequestError(BaseException):
    """A request that the cassette does not hold, or another use of the network during replay.

    Not an ``Exception``: the code under test catches those, translates them and tries again,
    which would bury the diff.
    """


class Tape:
    """A cassette in use.

    Attributes:
        path: Its file.
        recording: Whether requests go to a real server and are recorded. Start that server only
            then.
        recorded_from: The server the answers come from, with its version. While recording, set it
            before the end.
    """

    def __init__(self, path: Path, recording: bool, recorded_from: str | None = None) -> None:
        self.path = path
        self.recording = recording
        self.recorded_from = recorded_from
        self.abandoned = False
        self.unrecorded: list[str] = []

    def __repr__(self) -> str:
        return f"Tape({str(self.path)!r}, recording={self.recording})"

    def abandon(self) -> None:
        """The test has failed: save nothing, and do not complain of what was not played."""
        self.abandoned = True

    def refuse(self, what: str) -> UnrecordedRequestError:
        """The error to raise for a request, noted here in case the code under test catches it."""
        text = f"not in {self.path} (recorded from {self.recorded_from}): {what}\n{HOW_TO_RECORD}"
        self.unrecorded.append(text)
        return UnrecordedRequestError(text)
