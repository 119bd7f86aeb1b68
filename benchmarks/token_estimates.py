"""How far the offline token counts are from what the vendors billed.

    python benchmarks/token_estimates.py catalog.json [--verbose]

The catalogue is a JSON object with ``entries`` of recorded calls. Each has ``vendor``,
``authenticity``, ``feature`` (list of tags), ``request`` (``model`` and a ``summary`` of what was
sent), ``replay`` (``messages`` and ``tools`` as far as they are known) and ``expected`` (``usage``,
``text``, ...).

Two figures per vendor, each as median and 95th percentile of the relative error:

* prompts: ``counter.messages(...)`` against ``prompt_tokens``, over the entries whose whole prompt
  is known: one user message of plain text, no system prompt, no cached prefix, no tools other than
  those in ``replay``, no server-side tools, no schema and no thinking budget (all of which add
  tokens that the entry does not show).
* answers: ``counter.text(...)`` against ``completion_tokens`` without the reasoning, for answers of
  plain text of at least 20 tokens. They are longer than the prompts and show the tokenizer alone.
"""

from __future__ import annotations

import argparse
import json
import math
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bruno_llm.vendors.tokens import counter_for

# Request options that put nothing into the prompt.
NEUTRAL = {
    "roles",
    "tools",
    "n",
    "max_tokens",
    "max_completion_tokens",
    "stop_sequences",
    "stream_options",
    "temperature",
    "think",
    "generationConfig",
}
# Tags of requests with more in them than their summary shows.
HIDDEN = ("cache", "block:", "part:", "tool-use-prompt", "grounding", "file")
HIDDEN_FINISH = "finish:UNEXPECTED_TOOL_CALL"  # only with tools that the summary does not list
# Recorded texts are cut at this length.
CUT = 2000
SHORT_ANSWER = 20
# Single entries whose recording, in the repository it comes from, has a system prompt that
# neither the summary nor the replay shows.
SYSTEM_PROMPT = {
    "gemini-json-reasoning-text-2",
    "gemini-json-tool-reasoning-1",
    "gemini-sse-parallel-tools-reasoning-1",
}


def tagged(entry: dict[str, Any], *starts: str) -> bool:
    return any(tag.startswith(starts) for tag in entry["feature"])


def recorded(entry: dict[str, Any]) -> bool:
    return (
        entry["endpoint"] == "chat"
        and entry["authenticity"].startswith("recorded")
        and bool((entry["expected"].get("usage") or {}).get("prompt_tokens"))
    )


def whole_prompt(entry: dict[str, Any]) -> bool:
    """Whether ``replay`` shows everything that was billed as prompt."""
    summary = entry["request"]["summary"]
    messages = entry["replay"].get("messages") or [{}]
    schema = "responseJsonSchema" in (summary.get("generationConfig") or {})
    plain_format = summary.get("response_format") in (None, "text")
    tools = [tool["function"]["name"] for tool in entry["replay"].get("tools") or ()]
    return (
        summary.get("roles") == ["user"]
        and len(messages) == 1
        and isinstance(messages[0].get("content"), str)
        and len(messages[0]["content"]) < CUT
        and set(summary) - {"response_format"} <= NEUTRAL
        and plain_format
        and not schema
        and tools == list(summary.get("tools") or ())
        and entry["id"] not in SYSTEM_PROMPT
        and not tagged(entry, *HIDDEN, HIDDEN_FINISH, "vision")
    )


def plain_answer(entry: dict[str, Any]) -> bool:
    """Whether the text is all that was billed as completion."""
    expected = entry["expected"]
    usage = expected["usage"]
    reasoned = bool(expected.get("thinking")) and not usage.get("reasoning_tokens")
    # OpenAI's reasoning models bill about ten tokens of their own format with each answer.
    reasoned = reasoned or (entry["vendor"] == "openai" and tagged(entry, "reasoning"))
    return (
        bool(expected.get("text"))
        and bool(usage.get("completion_tokens"))
        and not expected.get("tool_calls")
        and not reasoned
        and not tagged(entry, "block:", "part:", "n>1", "redacted_thinking", "grounding")
    )


def percentile(values: Iterable[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[math.ceil(share * len(ordered)) - 1]


def line(name: str, rows: list[tuple[str, int, int]]) -> str:
    errors = [abs(ours - true) / true for _, true, ours in rows]
    bias = sum(ours for *_, ours in rows) / sum(true for _, true, _ in rows) - 1
    return (
        f"{name:<28} n={len(rows):<3} median {percentile(errors, 0.5):6.1%}  "
        f"p95 {percentile(errors, 0.95):6.1%}  bias of the sum {bias:+6.1%}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("catalog", type=Path)
    parser.add_argument("--verbose", action="store_true")
    args = parser.parse_args()

    rows: dict[tuple[str, str], list[tuple[str, int, int]]] = defaultdict(list)
    entries = [e for e in json.loads(args.catalog.read_text())["entries"] if recorded(e)]
    for entry in entries:
        counter = counter_for(entry["vendor"], entry["request"]["model"] or "unknown")
        usage = entry["expected"]["usage"]
        if whole_prompt(entry):
            replay = entry["replay"]
            ours = counter.messages(replay["messages"], replay.get("tools"))
            kind = "prompts with tools" if replay.get("tools") else "prompts without"
            for group in ("prompts", kind):
                rows[entry["vendor"], group].append((entry["id"], usage["prompt_tokens"], ours))
        if plain_answer(entry):
            true = usage["completion_tokens"] - (usage.get("reasoning_tokens") or 0)
            if true >= SHORT_ANSWER:
                ours = counter.text(entry["expected"]["text"])
                rows[entry["vendor"], "answers"].append((entry["id"], true, ours))
    print(f"{len(entries)} recorded chat calls with usage")
    for (vendor, kind), found in sorted(rows.items()):
        print(line(f"{vendor} {kind}", found))
        if args.verbose:
            for name, true, ours in sorted(found, key=lambda row: row[1]):
                print(f"    {true:6d} {ours:6d} {ours / true - 1:+7.1%}  {name}")


if __name__ == "__main__":
    main()
