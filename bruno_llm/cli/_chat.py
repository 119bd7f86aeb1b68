"""The conversation of ``bruno-llm chat``: its turns, its commands, what it costs."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from bruno_core.interfaces.llm import LLMInterface
from bruno_core.models.message import Message, MessageRole
from bruno_core.utils.exceptions import BrunoError
from typing_extensions import Self

from bruno_llm.cli._answer import dollars_for_people, facts, stream_answer
from bruno_llm.cli._choice import ProviderChoice, close_provider
from bruno_llm.cli._console import AnswerWriter, note_aside, say_error
from bruno_llm.cli._tools import stream_run
from bruno_llm.costs.tracker import CostTracker
from bruno_llm.exceptions import LLMError
from bruno_llm.tools import Tool

__all__ = ["Conversation"]

T = TypeVar("T")

_HELP = """\
/model [NAME]   show the model, or take another one (vendor/model changes the provider)
/system [TEXT]  show the system prompt, or set it
/save FILE      write the conversation: Markdown, or JSON for a name that ends in .json
/cost           tokens and cost of this chat
/clear          forget the conversation
/help           this list
/quit           end (also Ctrl-D); Ctrl-C stops an answer"""


class Conversation:
    """One conversation with one provider after another.

    All runs on one event loop, so that connections outlive a turn.

    Args:
        choice: Who answers.
        tools: What the model may call.

    Raises:
        ConfigurationError: See ``ProviderChoice.create``.
        LLMError: See ``ProviderChoice.create``.
    """

    def __init__(self, choice: ProviderChoice, tools: Sequence[Tool] = ()) -> None:
        self._choice = choice
        self._tools = tools
        self._messages: list[Message] = []
        self._system: str | None = None
        self._saved: set[Path] = set()
        # A configuration with a budget or a ledger brings its own; the others share the first.
        self._trackers = [CostTracker()]
        self._commands: dict[str, Callable[[str], None]] = {
            "model": self._change_model,
            "system": self._change_system,
            "save": self._save,
            "cost": self._show_cost,
            "clear": self._clear,
            "help": lambda _rest: note_aside(_HELP),
        }
        self._loop = asyncio.new_event_loop()
        try:
            self._provider = self._run(choice.create())
        except BaseException:
            self._loop.close()
            raise
        self._count_costs()
        # The first answer need not wait for it: it is imported while the question is typed.
        self._loading = self._loop.create_task(_get_ready(self._provider))

    @property
    def who(self) -> str:
        """The provider and its model."""
        return f"{self._name}/{getattr(self._provider, 'model', '')}".strip("/")

    @property
    def _name(self) -> str:
        return str(getattr(self._provider, "name", type(self._provider).__name__))

    def __enter__(self) -> Self:
        # Once, so that the task begins.
        self._loop.run_until_complete(asyncio.sleep(0))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._loading.cancel()
        self._loop.run_until_complete(asyncio.gather(self._loading, return_exceptions=True))
        self._loop.run_until_complete(close_provider(self._provider))
        for tracker in self._trackers:
            tracker.close()
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()

    def say(self, text: str) -> None:
        """The user's turn, and the model's answer to it.

        An answer that is stopped stays in the conversation as far as it came, with the tools that
        ran for it. A turn that got nothing is forgotten, so that it can be said again.
        """
        self._messages.append(Message(role=MessageRole.USER, content=text))
        pieces: list[str] = []
        answer = AnswerWriter()

        def show(piece: str) -> None:
            pieces.append(piece)
            answer.write(piece)

        def aside(line: str) -> None:
            answer.end()
            note_aside(line)

        def restarted(why: str) -> None:
            pieces.clear()
            aside(f"({why})")

        new: list[Message] = []

        def kept(messages: Sequence[Message]) -> None:
            new[:] = messages
            pieces.clear()  # they are in them

        problem = told = None
        provider, asked, tools = self._provider, self._messages, self._tools
        try:
            if tools:
                answering = stream_run(provider, asked, tools, show, aside, restarted, kept)
            else:
                answering = stream_answer(provider, asked, show, restarted)
            told = facts(self._run(answering))
        except asyncio.CancelledError:
            told = "(stopped)"
        except BrunoError as error:
            problem = str(error)
        answer.end()
        said = "".join(pieces).strip()
        self._messages.extend(new)
        if said:
            self._messages.append(Message(role=MessageRole.ASSISTANT, content=said))
        elif not new:
            self._messages.pop()
        if problem is not None:
            say_error(problem)
        elif told is not None:
            note_aside(told)

    def obey(self, line: str) -> bool:
        """Do what a line that starts with ``/`` says; ``False`` when it ends the chat."""
        name, _, rest = line[1:].partition(" ")
        if name in ("quit", "exit", "q"):
            return False
        action = self._commands.get(name)
        if action is None:
            say_error(f"there is no command /{name}; /help lists them")
            return True
        try:
            action(rest.strip())
        except BrunoError as error:
            say_error(str(error))
        return True

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run it to its end; Ctrl-C cancels it and nothing else."""
        task = self._loop.create_task(work)

        def stop(_signal: int, _frame: Any) -> None:
            self._loop.call_soon_threadsafe(task.cancel)

        before = signal.signal(signal.SIGINT, stop)
        try:
            return self._loop.run_until_complete(task)
        finally:
            signal.signal(signal.SIGINT, before)

    def _count_costs(self) -> None:
        costs = getattr(self._provider, "costs", False)
        if costs is None:
            self._provider.costs = self._trackers[0]  # type: ignore[attr-defined]
        elif isinstance(costs, CostTracker) and costs not in self._trackers:
            self._trackers.append(costs)

    def _change_model(self, name: str) -> None:
        if name:
            choice = self._choice.with_model(name, self._name)
            provider = self._run(choice.create())
            self._run(close_provider(self._provider))
            self._choice, self._provider = choice, provider
            self._count_costs()
            if self._system is not None:
                provider.set_system_prompt(self._system)
        note_aside(self.who)

    def _change_system(self, text: str) -> None:
        if text:
            self._system = text
            self._provider.set_system_prompt(text)
        note_aside(f"system prompt: {self._provider.get_system_prompt() or '(none)'}")

    def _clear(self, _rest: str) -> None:
        self._messages.clear()
        note_aside("(the conversation is forgotten)")

    def _show_cost(self, _rest: str) -> None:
        booked = [one for tracker in self._trackers for one in tracker.recent(1000)]
        prompt = sum(one.prompt_tokens for one in booked)
        completion = sum(one.completion_tokens for one in booked)
        unknown = sum(one.cost is None for one in booked)
        known = [one.cost for one in booked if one.cost is not None]
        parts = [
            f"{len(booked)} call{'' if len(booked) == 1 else 's'}",
            f"{prompt:,} + {completion:,} tokens",
        ]
        if known:
            parts.append(dollars_for_people(float(sum(known))))
        if unknown:
            parts.append(f"{unknown} of unknown price")
        note_aside(" | ".join(parts))

    def _save(self, name: str) -> None:
        if not name:
            say_error("/save needs the name of a file")
            return
        path = Path(name).expanduser()
        # Saved again, it may be replaced; anything else of that name is somebody's.
        mode = "w" if path.resolve() in self._saved else "x"
        try:
            with path.open(mode, encoding="utf-8") as file:
                file.write(self._as_json() if path.suffix == ".json" else self._as_markdown())
        except FileExistsError:
            say_error(f"{name} exists; choose another name")
        except OSError as error:
            say_error(f"{name}: {error.strerror}")
        else:
            self._saved.add(path.resolve())
            note_aside(f"saved to {name}")

    def _turns(self) -> list[tuple[str, str]]:
        system = self._provider.get_system_prompt()
        first = [("system", system)] if system else []
        return first + [(message.role.value, message.content) for message in self._messages]

    def _as_json(self) -> str:
        turns = [{"role": role, "content": text} for role, text in self._turns()]
        return json.dumps({"model": self.who, "messages": turns}, indent=2, ensure_ascii=False)

    def _as_markdown(self) -> str:
        turns = "".join(f"\n## {role.capitalize()}\n\n{text}\n" for role, text in self._turns())
        return f"# {self.who}\n{turns}"


async def _get_ready(provider: LLMInterface) -> None:
    with suppress(LLMError):  # the first answer says it
        if hasattr(provider, "warm_up"):
            await provider.warm_up()
