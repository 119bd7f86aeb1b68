"""Where bruno-llm 0.2.0 had ``bruno_llm.providers.openai.config``; see ``bruno_llm.compat``."""

from __future__ import annotations

from typing import Any

from bruno_llm._former import former_name


def __getattr__(name: str) -> Any:
    return former_name(__name__, name)
