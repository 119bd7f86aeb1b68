"""What a running server says of its model, where that differs from server to server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bruno_llm import _litellm
from bruno_llm._runtime.log import get_logger
from bruno_llm.call.endpoint import Endpoint
from bruno_llm.exceptions import LLMError

__all__ = ["describe", "window_size"]

logger = get_logger(__name__)


async def describe(endpoint: Endpoint) -> None:
    """Ask the server, if its vendor has a way to, and remember what it says.

    Raises:
        LLMError: The server cannot be reached, or has no such model.
    """
    where, question = endpoint._vendor.models, endpoint._vendor.describe
    if where is not None and question is not None:
        endpoint._described = await endpoint._asked(
            lambda ask: question(ask, endpoint.model), where
        )


async def window_size(endpoint: Endpoint, options: Mapping[str, Any]) -> int | None:
    """The tokens that the model holds at once, ``None`` when nobody knows.

    A server that chooses the window itself is asked, until it has said so.
    """
    vendor, known = endpoint._vendor, endpoint._described
    if vendor.describe is None or "num_ctx" in options:
        facts = _litellm.model_facts(endpoint._litellm_model, endpoint._route)
        longest = facts.get("max_input_tokens")
        return vendor.window(options) or (longest if isinstance(longest, int) else None)
    if known is None or known.window is None:
        try:
            await describe(endpoint)
        except LLMError as error:  # the call itself says what is wrong
            logger.debug("window_not_known", provider=endpoint.name, error=str(error))
        known = endpoint._described
    return (known and known.window) or vendor.silent_window
