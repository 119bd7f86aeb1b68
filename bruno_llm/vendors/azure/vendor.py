"""What is true of Azure: OpenAI's two formats at addresses that name a deployment, and Foundry."""

from __future__ import annotations

from bruno_llm.schema import strict
from bruno_llm.vendors.dialect import Dialect
from bruno_llm.vendors.openai.responses import RESPONSES
from bruno_llm.vendors.openai.tokens import TOKENS
from bruno_llm.vendors.openai.wire import COMPATIBLE
from bruno_llm.vendors.vendor import Vendor

__all__ = ["AZURE", "FOUNDRY"]

# Keys, addresses and ways to sign in are litellm's business (``_litellm/clients.py``).
AZURE = Vendor(
    name="azure",
    routes=("azure",),
    wire=COMPATIBLE,
    responses=RESPONSES,
    tokens=TOKENS,
    # Older versions of its API, which callers may ask for, have no strict functions.
    schemas=Dialect(strict_answer=strict),
)

# litellm serves OpenAI's models there by its Azure route, whose rule for function tools it applies.
FOUNDRY = Vendor(routes=("azure_ai",), wire=COMPATIBLE, bridged=True)
