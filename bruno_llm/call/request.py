"""The request of one chat call: its format, and what of it litellm gets to see."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from bruno_llm.call.forms import Forms
from bruno_llm.completion import Trimmed
from bruno_llm.messages.chat import ChatMessage
from bruno_llm.wire.exchange import Exchange
from bruno_llm.wire.facts import Format
from bruno_llm.wire.history import outgoing
from bruno_llm.wire.turn import History, KeptTurn, Origin, restored, with_body

if TYPE_CHECKING:
    import httpx

__all__ = ["ChatRequest", "Divert", "Spoken"]

Divert: TypeAlias = "Callable[[httpx.Request], httpx.Request]"
# litellm decides by the name of a model which endpoint and which parameters it has. This name
# tells it nothing.
_NO_NAME = "answers"
# The fields of a turn that every vendor takes as they are.
_PLAIN = {"role", "content"}
_UNCHANGEABLE = (float, int, str, bool)
_CHAT = "/chat/completions"


@dataclass(frozen=True, slots=True)
class Spoken:
    """One of the formats of a model.

    Attributes:
        wire: The format, ``None`` when nobody reads it.
        origin: Where the vendor's own turns come from and go back to.
        lacks: Options that it has no field for.
        hidden: Fields of the body that litellm must not see, because it would take another
            endpoint for them.
        reasons: The model thinks, as far as anyone knows.
    """

    wire: Format | None
    origin: Origin | None
    lacks: frozenset[str] = frozenset()
    hidden: tuple[str, ...] = ()
    reasons: bool = True


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """The messages of a call and its options; prepared once and not changed after.

    Attributes:
        model: litellm's model string.
        chat: The messages, system prompt first.
        options: What else is asked of the model.
        spoken: The format that is spoken.
        base_url: The address, ``None`` for the vendor's own.
        read_timeout: Seconds of silence that litellm is told to bear.
        trimmed: What the context window left out.
        prompt_tokens: The tokens of ``chat``, where the window counted them.
        forms: What was rewritten of the tools.
    """

    model: str
    chat: Sequence[ChatMessage] = field(repr=False)
    options: Mapping[str, Any] = field(repr=False)
    spoken: Spoken = field(repr=False)
    base_url: str | None = None
    read_timeout: float | None = None
    trimmed: Trimmed | None = None
    prompt_tokens: int | None = None
    forms: Forms = Forms()  # noqa: RUF009  frozen

    def identity(self) -> dict[str, Any]:
        """What makes it the same request as another one."""
        forms = self.forms  # by which the answer is read
        called = {"forms": [forms.names, forms.declared, forms.keys]} if forms != Forms() else {}
        where = {"model": self.model, "at": self.base_url}
        return {**where, **called, "chat": self.chat, **self.options}

    def arguments(self, exchange: Exchange) -> dict[str, Any]:
        """litellm's arguments for one try; what it must not see is put in by our client.

        Copies, because litellm rewrites messages in place on some routes, and a try may be
        repeated.
        """
        chat: Sequence[ChatMessage] = self.chat
        kept: Sequence[KeptTurn] = ()
        if any(turn.keys() - _PLAIN for turn in chat):
            chat, kept = outgoing(chat, self.spoken.origin, self.spoken.wire)
        if self.spoken.wire is not None and self.spoken.wire.build is not None:
            _divert(exchange, self._building(chat, kept))
            return self._unnamed()
        # An option of the same name goes into the body, not to litellm.
        fields = {name: self.options[name] for name in self.spoken.hidden if name in self.options}
        options = {
            name: value if type(value) in _UNCHANGEABLE else copy.deepcopy(value)
            for name, value in self.options.items()
            if name not in fields
        }
        params = {
            "model": self.model,
            "messages": [
                (
                    dict(turn)
                    if turn.keys() == _PLAIN and isinstance(turn["content"], str)
                    else copy.deepcopy(turn)
                )
                for turn in chat
            ],
            "base_url": self.base_url,
            "timeout": self.read_timeout,
            **options,
        }
        origin = self.spoken.origin
        if origin is not None and "model" in self.spoken.hidden:
            fields["model"], params["model"] = origin.model, f"{origin.route}/{_NO_NAME}"
        looped = any(turn.get("role") == "tool" for turn in chat)
        if kept or fields or looped:
            _divert(exchange, self._restoring(kept, fields))
        return params

    def _restoring(self, kept: Sequence[KeptTurn], fields: Mapping[str, Any]) -> Divert:
        wire, origin = self.spoken.wire, self.spoken.origin
        history = History(self.chat, kept, origin.route if origin else "")

        def divert(request: httpx.Request) -> httpx.Request:
            return restored(request, wire.turn if wire else None, history, fields)

        return divert

    def _unnamed(self) -> dict[str, Any]:
        assert self.spoken.origin is not None
        known = ("extra_headers", "api_version", "azure_ad_token")
        return {
            "model": f"{self.spoken.origin.route}/{_NO_NAME}",
            "messages": [{"role": "user", "content": "(see the body that is sent)"}],
            "base_url": self.base_url,
            "timeout": self.read_timeout,
            **{name: copy.deepcopy(self.options[name]) for name in known if name in self.options},
        }

    def _building(self, chat: Sequence[ChatMessage], kept: Sequence[KeptTurn]) -> Divert:
        wire, origin = self.spoken.wire, self.spoken.origin
        assert wire is not None and wire.build is not None and origin is not None
        body = wire.build(origin.model, chat, kept, self.options, reasons=self.spoken.reasons)
        path = wire.paths[0]

        def divert(request: httpx.Request) -> httpx.Request:
            # litellm's handlers say in the body of theirs whether a stream is wanted.
            streamed = {"stream": True} if b'"stream":true' in _dense(request.content) else {}
            return with_body(request, {**body, **streamed}, _at(request.url.path, path))

        return divert


def _divert(exchange: Exchange, first: Divert) -> None:
    """Have this done to the request on its way out, before what is to be done to it already."""
    then = exchange.divert
    exchange.divert = first if then is None else lambda request: then(first(request))


def _dense(content: bytes) -> bytes:
    return content.replace(b" ", b"")


def _at(path: str, wanted: str) -> str:
    """The endpoint's path beside that of chat completions."""
    base = path.removesuffix(_CHAT)
    if "/openai/deployments/" in base:  # Azure names the deployment in the body of this one
        base = base.split("/deployments/", 1)[0]
    return base + wanted
