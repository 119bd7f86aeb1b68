"""What litellm leaves behind for a call that is cancelled while a thread prepares it.

It makes the coroutine of a request in a thread, and one that is cancelled before the thread is done
has nobody to await it. Nothing is open at that point. Python says so when the coroutine is
collected, and where that is inside the constructor of a named tuple, whose globals have no
``__import__``, it cannot even say it: the error of trying is then what is told.
"""

from __future__ import annotations

import pytest

__all__ = ["UNAWAITED"]

UNAWAITED = [
    pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning"),
    pytest.mark.filterwarnings(
        "ignore:Exception ignored in. <coroutine object:pytest.PytestUnraisableExceptionWarning"
    ),
]
