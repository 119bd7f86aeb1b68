"""What a running Ollama says of a model: its abilities, and the window it was loaded with.

Ollama API documentation, "Show Model Information" and "List Running Models". The window is the
``num_ctx`` of the model's own file, or that of the running model (``context_length`` in
``/api/ps``). Until a model runs nobody knows it: newer servers choose it by the memory of the GPU
(4,096 or 32,768 or 262,144 tokens), older ones took 4,096.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from bruno_llm.capabilities import Capabilities
from bruno_llm.vendors.vendor import Description

if TYPE_CHECKING:
    from bruno_llm.vendors.asking import Asking

__all__ = ["ask_show"]

_NUM_CTX = re.compile(r"^num_ctx\s+(\d+)\s*$", re.MULTILINE)
_OLD_WINDOW = 4096


async def ask_show(ask: Asking, model: str) -> Description:
    """The model's abilities and its window.

    Raises:
        Exception: It could not be asked, or has no such model.
    """
    shown = await ask.post("/api/show", {"model": model})
    longest = _longest(shown.get("model_info"))
    window = _of_its_file(shown) or await _of_the_running(ask, model)
    if window is not None and longest is not None:
        window = min(window, longest)
    can = shown.get("capabilities")
    known = set(can) if isinstance(can, list) else None  # Ollama before 0.6.4 says nothing of it
    return Description(
        Capabilities(
            tools=None if known is None else "tools" in known,
            vision=None if known is None else "vision" in known,
            json_schema=None if known is None else "completion" in known,
            reasoning=None if known is None else "thinking" in known,
            embeddings=known is not None and "embedding" in known,
            max_input_tokens=window or longest,
            source="Ollama's /api/show",
        ),
        window,
    )


def _of_its_file(shown: Mapping[str, Any]) -> int | None:
    found = _NUM_CTX.search(str(shown.get("parameters") or ""))
    return int(found[1]) if found else None


def _longest(info: Any) -> int | None:
    """The longest context of the model itself, under a name like ``llama.context_length``."""
    if not isinstance(info, Mapping):
        return None
    lengths = (v for k, v in info.items() if str(k).endswith(".context_length"))
    return next((length for length in lengths if isinstance(length, int)), None)


async def _of_the_running(ask: Asking, model: str) -> int | None:
    running = (await ask.get("/api/ps")).get("models")
    for one in running if isinstance(running, list) else ():
        if isinstance(one, Mapping) and one.get("name") in (model, f"{model}:latest"):
            length = one.get("context_length")
            return length if isinstance(length, int) else _OLD_WINDOW
    return None
