"""Which of several providers is taken: checked side by side, then ranked."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Any, Literal

from bruno_core.interfaces.llm import LLMInterface

from bruno_llm.config.settings import ProviderConfig
from bruno_llm.exceptions import ConfigurationError
from bruno_llm.factory import health

__all__ = [
    "Candidate",
    "Preference",
    "check_preference",
    "close_all",
    "create_and_check",
    "name_of",
    "rank",
    "reasons",
]

Candidate = str | Mapping[str, Any] | ProviderConfig | LLMInterface
Preference = Literal["local", "cheapest", "fastest"] | Sequence[str]


async def create_and_check(
    create: Callable[[str | None, Any], Awaitable[LLMInterface]],
    listed: Sequence[Candidate],
    requires: Collection[str],
    timeout: float,
) -> list[tuple[health.ProviderHealth, LLMInterface | None]]:
    """Create and check candidates; one that cannot be created is a line that says why."""
    created: list[tuple[str, LLMInterface]] = []
    lines: list[health.ProviderHealth | None] = []
    for candidate in listed:
        name = name_of(candidate)
        try:
            if isinstance(candidate, LLMInterface):
                provider = candidate
            elif isinstance(candidate, str):
                provider = await create(candidate, None)
            else:
                provider = await create(None, candidate)
        except ConfigurationError as error:
            lines.append(
                health.ProviderHealth(
                    name, configured=False, problem=error.message, hint=error.hint
                )
            )
        else:
            created.append((name, provider))
            lines.append(None)
    checks = await health.check_all(created, requires=requires, timeout=timeout)
    found = iter(zip(checks, (provider for _, provider in created), strict=True))
    return [next(found) if line is None else (line, None) for line in lines]


def name_of(candidate: Candidate) -> str:
    """How a candidate is called in findings and errors."""
    if isinstance(candidate, str):
        return candidate
    if isinstance(candidate, LLMInterface):
        return str(getattr(candidate, "name", type(candidate).__name__))
    if isinstance(candidate, ProviderConfig):
        return candidate.provider
    return str(candidate.get("provider") or candidate.get("model") or "without a name")


def check_preference(prefer: Preference | None, names: Sequence[str]) -> None:
    """Refuse a preference that means nothing among these candidates.

    Raises:
        ConfigurationError: Names what is unknown.
    """
    if prefer is None or prefer in ("local", "cheapest", "fastest"):
        return
    if isinstance(prefer, str):
        raise ConfigurationError(
            f"prefer={prefer!r} must be 'local', 'cheapest', 'fastest' or a list of names"
        )
    unknown = [name for name in prefer if name not in names]
    if unknown:
        raise ConfigurationError(
            f"prefer names {unknown[0]!r}, which is not among the candidates: {', '.join(names)}"
        )


def rank(found: health.ProviderHealth, prefer: Preference | None) -> float:
    """Lower is better; ``min`` keeps the first of equals."""
    last = float("inf")
    if prefer == "local":
        return float(not found.local)
    if prefer == "cheapest":
        return last if found.price is None else found.price
    if prefer == "fastest":
        # Without an answer to its check, nobody knows how fast it is.
        return last if found.latency is None or found.reachable is None else found.latency
    if prefer is None or found.name not in prefer:
        return 0.0 if prefer is None else last
    return float(list(prefer).index(found.name))


def reasons(checks: Sequence[health.ProviderHealth]) -> str:
    """Why each of them cannot be used, in one line."""
    lines = []
    for found in checks:
        hint = f" ({found.hint})" if found.hint else ""
        lines.append(f"{found.name}: {found.problem}{hint}")
    return "; ".join(lines)


async def close_all(providers: Sequence[LLMInterface | None]) -> None:
    """Close what has connections; a provider that was not chosen may fail to, silently."""
    closing = [p.aclose() for p in providers if p is not None and hasattr(p, "aclose")]
    await asyncio.gather(*closing, return_exceptions=True)
