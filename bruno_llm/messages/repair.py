"""A conversation in an order that every vendor accepts, without losing a word of it.

Results stand directly behind the calls they answer, and no two plain turns of one role in a row.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Container, Iterable, Sequence
from itertools import count, groupby, takewhile
from typing import Any

__all__ = ["ChatMessage", "joined", "merged", "paired"]

ChatMessage = dict[str, Any]
_NO_RESULT = "(no result was recorded)"


def paired(turns: list[ChatMessage]) -> list[ChatMessage]:
    """Tool results directly behind the calls they answer, nothing unanswered, nothing orphaned.

    A call without an id, as Ollama's format has them, gets one, the same each time.
    """
    whole: list[ChatMessage] = []
    turns, made = _identified(turns)
    waiting = _UnansweredCalls(made)
    for turn in turns:
        if turn["role"] in ("tool", "function"):
            answered = waiting.answered(turn.get("tool_call_id"), turn.get("name"))
            if answered is not None:
                id_, name = answered
                whole.append({"name": name, **turn, "role": "tool", "tool_call_id": id_})
            elif turn["role"] == "function" and whole and whole[-1].get("function_call"):
                whole.append(turn)  # the legacy pair of function_call and its result
            else:
                whole.extend(waiting.closed())
                what = f"Result of {turn['name']}" if turn.get("name") else "Result of a tool"
                whole.append({"role": "user", "content": f"{what}: {_plain(turn['content'])}"})
            continue
        whole.extend(waiting.closed())
        whole.append(turn)
        for call in turn.get("tool_calls") or ():
            waiting.add(call["id"], (call.get("function") or {}).get("name", ""))
    whole.extend(waiting.closed())
    return whole


def _identified(turns: list[ChatMessage]) -> tuple[list[ChatMessage], set[str]]:
    """The turns with an id for each call, and those ids that were made up."""
    given = {call.get("id") for turn in turns for call in turn.get("tool_calls") or ()}
    made: set[str] = set()
    if all(given):
        return turns, made
    fresh = (id_ for number in count(1) if (id_ := f"call_{number}") not in given)

    def identified(call: ChatMessage) -> ChatMessage:
        if call.get("id"):
            return call
        made.add(id_ := next(fresh))
        return {**call, "id": id_}

    return [
        (
            {**turn, "tool_calls": [identified(call) for call in turn["tool_calls"]]}
            if turn.get("tool_calls")
            else turn
        )
        for turn in turns
    ], made


class _UnansweredCalls:
    """The calls of a turn whose results have not come yet, by id and by name.

    Args:
        made: Ids that no result can know: the results of such calls come in the calls' order.
    """

    def __init__(self, made: Container[str]) -> None:
        self._made = made
        self._names: dict[str, str] = {}
        self._ids: dict[str | None, deque[str]] = {}

    def add(self, id_: str, name: str) -> None:
        self._names[id_] = name
        self._ids.setdefault(name, deque()).append(id_)
        if id_ in self._made:
            self._ids.setdefault(None, deque()).append(id_)

    def answered(self, id_: str | None, name: str | None) -> tuple[str, str] | None:
        """Id and name of the call that this result answers, ``None`` when it answers none.

        bruno-core's FUNCTION messages may know only the tool's name.
        """
        if not id_ and name is None and len(self._names) == 1:
            id_ = next(iter(self._names))
        elif not id_:
            of_name = self._ids.get(name) or deque()
            while of_name and of_name[0] not in self._names:  # answered in another way
                of_name.popleft()
            id_ = of_name[0] if of_name else None
        return (id_, self._names.pop(id_)) if id_ in self._names else None

    def closed(self) -> list[ChatMessage]:
        """Results for those that never got one; then nothing waits."""
        missing: list[ChatMessage] = [
            {"role": "tool", "tool_call_id": id_, "name": name, "content": _NO_RESULT}
            for id_, name in self._names.items()
        ]
        self._names, self._ids = {}, {}
        return missing


def merged(turns: Iterable[ChatMessage]) -> list[ChatMessage]:
    """Plain turns of one role in a row as one."""
    fewer: list[ChatMessage] = []
    for role, run in groupby(turns, key=_plain_role):
        row = list(run)
        if role is None or len(row) == 1:
            fewer.extend(row)
            continue
        contents = [turn["content"] for turn in row]
        texts = list(takewhile(lambda content: isinstance(content, str), contents))
        text = ["\n\n".join(texts)] if texts else []
        fewer.append({"role": role, "content": joined([*text, *contents[len(texts) :]])})
    return fewer


def _plain_role(turn: ChatMessage) -> str | None:
    return turn["role"] if turn.keys() <= {"role", "content"} else None


def joined(contents: Sequence[Any]) -> Any:
    if all(isinstance(content, str) for content in contents):
        return "\n\n".join(contents)
    parts: list[Any] = []
    for content in contents:
        parts.extend([{"type": "text", "text": content}] if isinstance(content, str) else content)
    return parts


def _plain(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "\n".join(str(part.get("text", part)) for part in content)
