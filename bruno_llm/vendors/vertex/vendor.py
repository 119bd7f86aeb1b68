"""What is true of Vertex AI: Gemini and Claude answer there in the formats of their own vendors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from bruno_llm.vendors.anthropic.schema import SCHEMAS as CLAUDES
from bruno_llm.vendors.anthropic.wire import ANTHROPIC
from bruno_llm.vendors.gemini.schema import SCHEMAS as GEMINIS
from bruno_llm.vendors.gemini.wire import GEMINI
from bruno_llm.vendors.openai.wire import COMPATIBLE
from bruno_llm.vendors.vendor import Vendor

__all__ = ["VERTEX", "VERTEX_BETA"]


def _as_litellm_says(body: dict[str, Any], options: Mapping[str, Any]) -> bool:
    """litellm writes requests for Vertex AI in its own way, with the names that it takes."""
    return False


# Signing in and addresses are litellm's business (``llms/vertex_ai/vertex_llm_base.py``).
VERTEX = Vendor(
    name="vertex_ai",
    routes=("vertex_ai",),
    wire=COMPATIBLE,  # the open models that Google runs
    schemas_of={"gemini": GEMINIS, "claude": CLAUDES},
    wires={
        "gemini": replace(GEMINI, request=_as_litellm_says),
        # Vertex AI reference, "rawPredict" and "streamRawPredict".
        "claude": replace(
            ANTHROPIC, paths=(":rawPredict", ":streamRawPredict"), request=_as_litellm_says
        ),
    },
)

# Google's v1beta1 (``llms/vertex_ai/vertex_llm_base.py``), which is Gemini's alone.
VERTEX_BETA = replace(VERTEX, name="vertex_ai_beta", routes=("vertex_ai_beta",))
