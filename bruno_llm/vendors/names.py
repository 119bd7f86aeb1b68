"""Names of models as people read them, where a vendor wants the names that it calls them by."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches

__all__ = ["meant_by"]


def meant_by(display_name: str, models: Iterable[str]) -> str | None:
    """The model of a display name: ``"claude-sonnet-4-5"`` of ``"Claude Sonnet 4.5"``.

    ``None`` for a name without a space, which is no display name, and where no model is near.
    """
    if " " not in display_name.strip():
        return None
    by_slug = {_slug(model): model for model in models}
    near = get_close_matches(_slug(display_name), by_slug, n=1, cutoff=0.85)
    return by_slug[near[0]] if near else None


def _slug(name: str) -> str:
    return re.sub(r"[\s._]+", "-", name.strip().lower())
