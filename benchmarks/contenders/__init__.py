"""Those who are measured, each an adapter in a file of its own: the columns of the table.

An adapter's module has a class ``Contender(url)`` with ``call(messages, timeout=None)``, which
gives the text of an answer, ``stream(wire, messages)``, which gives its pieces, and ``close()``.
Importing the module imports what a program imports that uses the contender, and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass

WIRES = ("openai", "responses", "anthropic", "gemini", "ollama")
LITELLM = "raw_litellm"
HTTPX = "bare_httpx"
OURS = "bruno"
POLICIES = "bruno_policies"


@dataclass(frozen=True)
class Column:
    """One contender.

    ``package`` is the distribution whose version is told. ``rival`` names the environment of its
    own that it needs, and ``wants`` is what is installed there. ``calls`` is whether it makes plain
    calls, ``limits`` whether one of them can be given a time limit.
    """

    name: str
    title: str
    package: str
    wires: tuple[str, ...] = ("openai",)
    calls: bool = True
    limits: bool = True
    rival: str | None = None
    wants: tuple[str, ...] = ()


CHAT = ("openai", "anthropic", "gemini", "ollama")
COLUMNS = (
    Column(HTTPX, "httpx", "httpx", WIRES),
    Column("openai_sdk", "OpenAI SDK", "openai", ("openai", "responses")),
    Column(LITELLM, "litellm", "litellm", WIRES),
    Column("litellm_inner", "litellm's inner stream", "litellm", CHAT, calls=False, limits=False),
    Column("litellm_httpx", "litellm over httpx", "litellm"),
    Column(OURS, "ours", "bruno-llm", WIRES),
    Column(POLICIES, "ours, all policies", "bruno-llm", WIRES, limits=False),
    Column(
        "bruno_old",
        "bruno-llm 0.2.0",
        "bruno-llm",
        limits=False,
        rival="bruno-llm-0.2.0",
        wants=("bruno-llm[openai]==0.2.0", "PyYAML"),
    ),
    Column(
        "anyllm",
        "any-llm",
        "any-llm-sdk",
        rival="any-llm",
        wants=("any-llm-sdk[openai]",),
    ),
    Column(
        "pydantic",
        "pydantic-ai",
        "pydantic-ai-slim",
        ("openai", "responses"),
        rival="pydantic-ai",
        wants=("pydantic-ai-slim[openai]",),
    ),
    Column(
        "langchain",
        "langchain-litellm",
        "langchain-litellm",
        CHAT,
        limits=False,
        rival="langchain-litellm",
        wants=("langchain-litellm",),
    ),
)
