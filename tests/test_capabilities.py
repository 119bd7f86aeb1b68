"""Capabilities: hints of the model map, unknowns where it is silent."""

from __future__ import annotations

from bruno_llm.capabilities import Capabilities, capabilities_of


def test_nothing_is_known_of_a_model_without_an_entry() -> None:
    assert capabilities_of({}) == Capabilities()
    assert Capabilities().source == "unknown"


def test_an_entry_is_read() -> None:
    entry = {
        "mode": "chat",
        "supports_function_calling": True,
        "supports_vision": False,
        "supports_response_schema": True,
        "max_input_tokens": 128_000,
        "max_output_tokens": "16k tokens",  # as in the sample entry of the map
    }
    read = capabilities_of(entry)
    assert (read.tools, read.vision, read.json_schema, read.reasoning) == (True, False, True, None)
    assert (read.max_input_tokens, read.max_output_tokens) == (128_000, None)
    assert not read.embeddings


def test_an_embedding_model() -> None:
    assert capabilities_of({"mode": "embedding"}).embeddings
