"""``preload()``: importing litellm before the first call has to."""

from __future__ import annotations

from bruno_llm import _litellm

__all__ = ["preload"]


def preload(*, wait: bool = False) -> None:
    """Import litellm now, which the first call would do: about 2 s of CPU.

    By default in a thread, beside what the program does meanwhile; a first call waits for the rest.
    ``await provider.warm_up()`` gets everything ready that a provider needs.

    Args:
        wait: Import it here and come back when it is there; for servers that fork their workers
            afterwards (gunicorn's ``preload_app``).

    Raises:
        LitellmChangedError: With ``wait``: this release of litellm lacks what is needed of it.
    """
    if wait:
        _litellm.load_now()
    else:
        _litellm.begin()
