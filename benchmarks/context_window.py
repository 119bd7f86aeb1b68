"""What fitting a long history costs, side by side in one interleaved run.

    python benchmarks/context_window.py [--messages 2000] [--rounds 15] [--litellm 200]

The unit is counting each message once with tiktoken alone. Every round makes a history of new
texts, so no count is remembered from the round before ("new"); then the same history is fitted
again ("again"), which is what a chat does with every turn. ``--litellm N`` adds litellm's
``trim_messages`` on N messages, with the same limit; it needs minutes for 2,000.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import random
import statistics
import time
from collections import defaultdict
from collections.abc import Callable
from functools import partial
from typing import Any

import structlog

from bruno_llm.policies.window import ContextWindow
from bruno_llm.vendors.tokens import counter_for

TEXT = "the model reads every word of a long talk and answers what it was asked in good time"


def history(messages: int, words: int, rng: random.Random) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [{"role": "system", "content": "You are a helpful assistant."}]
    for number in range(messages - 1):
        text = " ".join(rng.choices(TEXT.split(), k=words))
        role = "assistant" if number % 2 else "user"
        found.append({"role": role, "content": f"{text} {rng.random():.6f}"})
    return found


def compare(size: int, words: int, rounds: int, trim_messages: Callable[..., Any] | None) -> None:
    """Print one table: the median of each way, in milliseconds and in units of tiktoken alone."""
    import tiktoken

    counter = counter_for("openai", "gpt-4o")
    encoding = tiktoken.get_encoding("o200k_base")  # loaded by the counter, from its folder
    loop = asyncio.new_event_loop()
    rng = random.Random(words)
    took: dict[str, list[float]] = defaultdict(list)

    def timed(name: str, run: Callable[[], Any]) -> None:
        start = time.perf_counter()
        run()
        took[name].append(time.perf_counter() - start)

    def fit(name: str, messages: list[dict[str, Any]], strategy: str, limit: int) -> None:
        window = ContextWindow(max_input_tokens=limit, strategy=strategy, warn_at=1.0)
        timed(
            name,
            lambda: loop.run_until_complete(window.fit(messages, count=counter.message)),
        )

    for _ in range(rounds):
        messages = history(size, words, rng)
        half = size * (words + 8) // 2

        def alone(messages: list[dict[str, Any]] = messages) -> int:
            return sum(len(encoding.encode_ordinary(m["content"])) for m in messages)

        timed("tiktoken alone", alone)
        fit("new: drop half", messages, "drop_oldest", half)
        fit("again: drop half", messages, "drop_oldest", half)
        fit("again: keep ends", messages, "keep_ends", half)
        fit("again: all fits", messages, "drop_oldest", half * 4)
        if trim_messages is not None:
            trim = partial(trim_messages, messages, model="gpt-4o", max_tokens=half)
            timed("litellm trim_messages", trim)
    loop.close()

    unit = statistics.median(took["tiktoken alone"])
    print(f"{size} messages, each {words} words and a number")
    for name, times in took.items():
        middle = statistics.median(times)
        print(f"  {name:<24} {middle * 1000:9.2f} ms {middle / unit:9.2f} x")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--messages", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--litellm", type=int, default=0, metavar="N")
    args = parser.parse_args()
    # Printing an event for each fit would be measured too.
    quiet = structlog.make_filtering_bound_logger(logging.ERROR)
    structlog.configure(wrapper_class=quiet)
    counter_for("openai", "gpt-4o").load()

    for words in (1, 12, 60):
        compare(args.messages, words, args.rounds, None)
    if args.litellm:
        os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
        from litellm.utils import trim_messages

        compare(args.litellm, 12, min(args.rounds, 3), trim_messages)


if __name__ == "__main__":
    main()
