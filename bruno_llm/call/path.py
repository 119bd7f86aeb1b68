"""The steps of a call, found when the first one takes them: a provider's class needs none."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from bruno_llm._runtime.names import found_later

if TYPE_CHECKING:
    from bruno_llm.call.chat import ChatCall, ask, count, open_stream
    from bruno_llm.call.describe import window_size
    from bruno_llm.call.forms import renamed
    from bruno_llm.call.outcome import kept, outcome, refuse_empty
    from bruno_llm.call.prepare import Fitting, as_dicts, fitted_to_window, seen_by
    from bruno_llm.call.request import ChatRequest
    from bruno_llm.call.send import send

_HOMES = {
    "bruno_llm.call.chat": ("ChatCall", "ask", "count", "open_stream"),
    "bruno_llm.call.describe": ("window_size",),
    "bruno_llm.call.forms": ("renamed",),
    "bruno_llm.call.outcome": ("kept", "outcome", "refuse_empty"),
    "bruno_llm.call.prepare": ("Fitting", "as_dicts", "fitted_to_window", "seen_by"),
    "bruno_llm.call.request": ("ChatRequest",),
    "bruno_llm.call.send": ("send",),
}

__all__ = [
    "ChatCall",
    "ChatRequest",
    "Fitting",
    "as_dicts",
    "ask",
    "count",
    "fitted_to_window",
    "get_ready",
    "kept",
    "open_stream",
    "outcome",
    "refuse_empty",
    "renamed",
    "seen_by",
    "send",
    "window_size",
]

if not TYPE_CHECKING:  # a checker would take every wrong name for one that this gives
    __getattr__ = found_later(__name__, _HOMES)


def get_ready() -> None:
    """Import them now, and what tells their errors: 0.03 s."""
    for module in (*_HOMES, "bruno_llm.errors.translate"):
        import_module(module)
