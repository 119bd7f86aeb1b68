"""How much the tests do that try at random, repeat or load: one number for all of them.

``make test`` does a tenth of it, ``make test-all`` all of it: it sets ``BRUNO_LLM_TEST_SIZE=1``.
``BRUNO_LLM_TEST_SIZE=20`` tries twenty times as much. A test that uses this number is marked
``sized``; one that has no smaller size is marked ``full`` and runs from 1 on.
"""

from __future__ import annotations

import os

SIZE = float(os.environ.get("BRUNO_LLM_TEST_SIZE", "0.1"))
FULL = SIZE >= 1
# The longest loads, minutes each at full size, may do a share of it: `.ci/run` asks for a fifth.
LOAD = float(os.environ.get("BRUNO_LLM_TEST_LOAD", "1"))


def sized(count: int, least: int = 1) -> int:
    """So many of ``count`` at this size, and never fewer than ``least``."""
    return max(least, round(count * SIZE))
