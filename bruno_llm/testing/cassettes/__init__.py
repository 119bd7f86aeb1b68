"""Cassettes: recorded HTTP traffic that a test replays without a key and without a network.

With pytest, ask for the fixture ``cassette``; anywhere else use ``use_cassette``. A cassette is
strict: a request that was not recorded fails with a diff of its JSON, and so does a recorded
request that is never sent. Keys never reach the file.
"""

from bruno_llm.testing.cassettes.orphans import find_orphans
from bruno_llm.testing.cassettes.secrets import find_secrets
from bruno_llm.testing.cassettes.tape import CassetteError, Tape, UnrecordedRequestError
from bruno_llm.testing.cassettes.use import use_cassette

__all__ = [
    "CassetteError",
    "Tape",
    "UnrecordedRequestError",
    "find_orphans",
    "find_secrets",
    "use_cassette",
]
