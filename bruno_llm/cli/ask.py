"""``bruno-llm ask``: one question, the answer as it arrives."""

from __future__ import annotations

import asyncio
from typing import Any

import click

from bruno_llm.cli._app import Command
from bruno_llm.cli._choice import ProviderChoice, opened, provider_options

__all__ = ["command"]

_EPILOG = (
    "Standard input is added to the question, or is the question. Exit codes: 0; 1 the model's"
    " side failed; 2 wrong use or configuration; 130 Ctrl-C."
)


@click.command("ask", cls=Command, short_help="Ask one question.", epilog=_EPILOG)
@click.argument("question", nargs=-1)
@provider_options
@click.option("-s", "--system", help="System prompt.")
@click.option("-t", "--temperature", type=click.FloatRange(min=0))
@click.option("--max-tokens", type=click.IntRange(min=1), help="Longest answer, in tokens.")
@click.option(
    "-f",
    "--file",
    "files",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, readable=True),
    help="A text, document or image to send along; may be repeated.",
)
@click.option("-i", "--image", "images", multiple=True, help="A path or URL; may be repeated.")
@click.option(
    "--tool",
    "tools",
    multiple=True,
    metavar="MODULE:FUNCTION",
    help="A function that the model may call; may be repeated.",
)
@click.option(
    "--schema", metavar="FILE|MODULE:TYPE", help="Answer in this shape, as JSON on stdout."
)
@click.option("--json", "as_json", is_flag=True, help="Print the answer and its facts as JSON.")
@click.option("-q", "--quiet", is_flag=True, help="No line with tokens, cost and time.")
def command(
    question: tuple[str, ...],
    provider: str | None,
    model: str | None,
    config: str | None,
    profile: str | None,
    system: str | None,
    temperature: float | None,
    max_tokens: int | None,
    files: tuple[str, ...],
    images: tuple[str, ...],
    tools: tuple[str, ...],
    schema: str | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Ask a question; the answer goes to stdout as it arrives, its cost to stderr."""
    from bruno_llm import preload

    preload()  # while the rest of the question is read, and who answers it is found
    from bruno_llm.cli._loaded import schema_from, tools_of
    from bruno_llm.cli._question import messages_of, read_piped

    if tools and schema:
        raise click.UsageError("--tool and --schema cannot be given together.")
    words = " ".join(question).strip()
    asked = "" if words == "-" else words
    piped = read_piped(wait=not asked)
    text = "\n\n".join(filter(None, (asked, piped)))
    if not text:
        raise click.UsageError("there is no question: give one, or pipe one in.")
    choice = ProviderChoice(
        provider,
        model,
        config,
        profile,
        {"system_prompt": system, "temperature": temperature, "max_tokens": max_tokens},
    )
    messages = messages_of(text, files, images)
    if schema:
        shape = schema_from(schema)
        asyncio.run(_ask_shaped(choice, messages, shape, as_json=as_json, quiet=quiet))
    else:
        asyncio.run(_ask(choice, messages, tools_of(tools), as_json=as_json, quiet=quiet))


async def _ask(
    choice: ProviderChoice, messages: list[Any], tools: list[Any], *, as_json: bool, quiet: bool
) -> None:
    from bruno_llm.cli._answer import as_dict, facts, stream_answer
    from bruno_llm.cli._console import AnswerWriter, note_aside, print_json

    answer = AnswerWriter()

    def aside(line: str) -> None:
        answer.end()
        note_aside(line)

    def restarted(why: str) -> None:
        aside(f"({why})")

    async with opened(choice) as provider:
        try:
            show = (lambda piece: None) if as_json else answer.write
            if tools:
                from bruno_llm.cli._tools import stream_run

                completion = await stream_run(provider, messages, tools, show, aside, restarted)
            else:
                completion = await stream_answer(provider, messages, show, restarted)
        finally:
            answer.end()
    if as_json:
        print_json(as_dict(completion))
    elif not quiet:
        note_aside(facts(completion))


async def _ask_shaped(
    choice: ProviderChoice, messages: list[Any], shape: Any, *, as_json: bool, quiet: bool
) -> None:
    from dataclasses import replace

    from pydantic_core import to_jsonable_python

    from bruno_llm.cli._answer import as_dict, facts
    from bruno_llm.cli._console import note_aside, print_json
    from bruno_llm.cli._tools import of_this_package
    from bruno_llm.structured import complete_as

    async with opened(choice) as provider:
        found = await complete_as(of_this_package(provider, "--schema"), messages, shape)
    value = to_jsonable_python(found.value, by_alias=True)
    assert found.completion is not None
    completion = replace(found.completion, usage=found.usage, cost=found.cost)
    print_json({"value": value, **as_dict(completion)} if as_json else value)
    if not (as_json or quiet):
        note_aside(facts(completion))
