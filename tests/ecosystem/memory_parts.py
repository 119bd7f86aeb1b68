"""bruno-memory's parts over this package's providers and embedders, in a process of its own.

python memory_parts.py http://127.0.0.1:8000  ->  a JSON object with what came of each part
"""

from __future__ import annotations

import asyncio
import json
import sys
import warnings
from pathlib import Path
from typing import Any
from uuid import uuid4

warnings.simplefilter("ignore")

from bruno_core.models import Message, MessageRole  # noqa: E402  after the filter of warnings
from bruno_memory.backends.sqlite import SQLiteMemoryBackend  # noqa: E402
from bruno_memory.base import SQLiteConfig  # noqa: E402
from bruno_memory.managers.compressor import SummarizationStrategy  # noqa: E402
from bruno_memory.managers.embedding import EmbeddingManager  # noqa: E402
from bruno_memory.managers.retriever import MemoryRetriever  # noqa: E402

from bruno_llm import ClaudeProvider, OllamaProvider, OpenAIEmbedder, OpenAIProvider  # noqa: E402


async def main(url: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    conversation = str(uuid4())
    talk = [
        Message(role=MessageRole.USER, content=f"Turn {n}", conversation_id=conversation)
        for n in range(6)
    ]
    providers = {
        "openai": OpenAIProvider(api_key="k", base_url=f"{url}/v1"),
        "claude": ClaudeProvider(api_key="k", base_url=url),
        "ollama": OllamaProvider("llama3.2", base_url=url),
    }
    for name, provider in providers.items():
        short, facts = await SummarizationStrategy(provider).compress(talk, target_size=2)
        found[name] = [short[0].content, len(short), facts["compressed"]]

    embedder = OpenAIEmbedder(api_key="k", base_url=f"{url}/v1")
    manager = EmbeddingManager(embedder)
    found["vectors"] = [len(vector) for vector in await manager.embed_batch(["one", "two"])]
    found["message"] = len(await manager.embed_message("Hello"))

    backend = SQLiteMemoryBackend(SQLiteConfig(database_path=str(Path("memory.db"))))
    await backend.connect()
    for message in talk:
        await backend.store_message(message)
    retriever = MemoryRetriever(backend)
    hits = await retriever.search_messages("Turn 3", conversation_id=conversation)
    found["hits"] = [hit.content for hit in hits]
    stored = await backend.retrieve_messages(conversation)
    found["answer"] = await providers["openai"].generate(stored)
    await backend.disconnect()
    return found


print("\n" + json.dumps(asyncio.run(main(sys.argv[1]))))
