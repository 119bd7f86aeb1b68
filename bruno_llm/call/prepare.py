"""What is sent: the request of a chat call, prepared once and not changed after."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from bruno_llm import _litellm
from bruno_llm._runtime.log import get_logger
from bruno_llm.call.forms import Forms, fit_schemas
from bruno_llm.call.request import ChatRequest, Spoken
from bruno_llm.capabilities import Capabilities
from bruno_llm.exceptions import InvalidRequestError
from bruno_llm.messages.chat import ChatMessage, shows_images
from bruno_llm.options.params import (
    FEATURES,
    KNOBS,
    ONLY_OURS,
    check_one_answer,
    spelt_out,
    whole_tools,
)
from bruno_llm.policies.window import ContextWindow
from bruno_llm.tokens.counter import TokenCounter
from bruno_llm.vendors.openai.api import NOT_IN_RESPONSES, hidden_from_litellm, needs_responses
from bruno_llm.vendors.vendor import Vendor
from bruno_llm.wire.facts import Format
from bruno_llm.wire.turn import Origin

__all__ = ["Fitting", "as_dicts", "fitted_to_window", "seen_by"]

logger = get_logger(__name__)

# What to ask for in place of a feature that a model lacks.
_INSTEAD = {
    "response_format=json_object": (
        "give a schema: response_format={'type': 'json_schema', 'json_schema': {...}}, or a "
        "pydantic class"
    )
}


_NOTHING = Forms()


class Tongues:
    """The formats in which one model can be asked; which one depends on the call."""

    def __init__(self, vendor: Vendor, route: str, litellm_model: str) -> None:
        bare = litellm_model.removeprefix(f"{route}/")
        facts = _litellm.model_facts(litellm_model, route)
        self._model, self._mode = bare, facts.get("mode")
        self._two = vendor.responses is not None
        # Without options the rest speak their first one, whichever the address.
        self.varies = self._two and self._mode == "responses"

        def speaking(wire: Format | None, **more: Any) -> Spoken:
            return Spoken(wire, Origin(wire.name, route, bare) if wire else None, **more)

        hidden = hidden_from_litellm(bare, self._mode) if self._two or vendor.bridged else ()
        self.first = speaking(vendor.wire_of(bare), hidden=hidden)
        # One that litellm does not know may think.
        reasons = not facts or bool(facts.get("supports_reasoning"))
        self._second = speaking(vendor.responses, lacks=NOT_IN_RESPONSES, reasons=reasons)

    def of(self, options: dict[str, Any], base_url: str | None) -> Spoken:
        """The format of this call; takes the option ``api`` out.

        Raises:
            ConfigurationError: ``api`` is no such thing.
        """
        if not self._two:
            return self.first
        api = options.pop("api", "auto")
        second = needs_responses(api, self._model, base_url, options, self._mode)
        return self._second if second else self.first


class Fitting:
    """Fits calls to one model: knobs it lacks are dropped, features it lacks are refused.

    What litellm said of a model is remembered, and each dropped knob is told once.
    """

    def __init__(
        self,
        provider: str,
        model: str,
        route: str,
        litellm_model: str,
        vendor: Vendor,
        quirks: _litellm.Quirks,
    ) -> None:
        self._tongues = Tongues(vendor, route, litellm_model)
        self._provider = provider
        self._model = model
        self._litellm_model = litellm_model
        self._lacks = vendor.lacks
        self._looked_up = quirks.looked_up
        self._headers = vendor.headers
        self._own_words = vendor.fit
        self._bare = litellm_model.split("/", 1)[-1]
        self._dialect = vendor.dialect(self._bare)
        self._facts = _litellm.model_facts(litellm_model, litellm_model.split("/", 1)[0])
        self._missing: dict[Any, frozenset[str]] = {}
        self._told: set[str] = set()

    def fit(self, options: dict[str, Any], base_url: str | None) -> tuple[Spoken, Forms]:
        """The format of a call, and what was rewritten for it.

        What this model would refuse or litellm would lose is taken out of the options, and tools
        and the shape of the answer are written as it takes them.

        Args:
            options: Of the call; changed in place.
            base_url: Where it goes, ``None`` for the vendor's own address.

        Raises:
            ConfigurationError: ``api`` is no such thing.
            InvalidRequestError: What it lacks changes the answer, so that it cannot be dropped.
        """
        if not options and not self._tongues.varies:
            return self._tongues.first, _NOTHING
        spoken = self._tongues.of(options, base_url)
        return spoken, self._fit(options, spoken.lacks) if options else _NOTHING

    def _fit(self, options: dict[str, Any], lacks: frozenset[str]) -> Forms:
        check_one_answer(options.get("n"))
        if "tools" in options:
            options["tools"] = whole_tools(as_dicts(options["tools"]))
        self._fit_names(options, lacks)
        try:
            return fit_schemas(options, self._dialect, self._bare, self._facts)
        except InvalidRequestError as error:
            raise InvalidRequestError(
                error.message, self._provider, model=self._model, hint=error.hint
            ) from None

    def _fit_names(self, options: dict[str, Any], lacks: frozenset[str]) -> None:
        if self._own_words is not None:
            self._own_words(options)
        for option, header in self._headers.items():
            if option in options:
                value = {header: options.pop(option)}
                options["extra_headers"] = value | dict(options.get("extra_headers") or {})
        asked = {k: v for k, v in options.items() if k in KNOBS or k in FEATURES}
        if not asked:
            return
        words = spelt_out(asked)
        lacked = {word: words[word] for word in self._lacks | lacks if word in words}
        missing = {name: name for name in self._unsupported(asked) if name not in ONLY_OURS}
        for word, name in sorted(missing.items() | lacked.items()):
            if name in FEATURES:
                raise InvalidRequestError(
                    f"the model does not take {word}",
                    self._provider,
                    model=self._model,
                    hint=_INSTEAD.get(word),
                )
            self._tell(name, options.pop(name))

    def _unsupported(self, asked: Mapping[str, Any]) -> frozenset[str]:
        key = tuple((k, None if k in FEATURES else repr(v)) for k, v in asked.items())
        if key not in self._missing:
            # litellm may change what it is shown.
            shown = copy.deepcopy(dict(asked))
            found = _litellm.unsupported(self._litellm_model, shown, self._looked_up)
            self._missing[key] = frozenset(found)
        return self._missing[key]

    def _tell(self, name: str, value: Any) -> None:
        if name in self._told:
            return
        self._told.add(name)
        logger.warning(
            "llm_option_dropped",
            provider=self._provider,
            model=self._model,
            option=name,
            value=value if isinstance(value, int | float) else None,
        )


def as_dicts(tools: Any) -> Any:
    """Tools and functions among ``tools`` in OpenAI's form; the rest stays as it is."""
    if not isinstance(tools, list | tuple) or all(isinstance(tool, Mapping) for tool in tools):
        return tools
    from bruno_llm.tools.definition import tool_dicts  # what reads functions is needed here alone

    return tool_dicts(tools)


def seen_by(
    able: Capabilities, chat: Sequence[ChatMessage], provider: str, model: str
) -> list[ChatMessage]:
    """The messages with a note in place of the images in tool results that the model cannot see.

    A tool does not know who reads its result. A model that nobody knows is shown the images.

    Raises:
        InvalidRequestError: The user shows images to a model of which it is known that it is blind.
    """
    sees = able.vision if able.vision is not None or able.source == "unknown" else False
    if sees is False:
        chat = [_noted(turn) if turn.get("role") == "tool" else turn for turn in chat]
    if able.vision is False and shows_images(chat):
        raise InvalidRequestError("the model cannot see images", provider, model=model)
    return list(chat)


def _noted(turn: ChatMessage) -> ChatMessage:
    content = turn.get("content")
    if not isinstance(content, list):
        return turn
    texts = [str(part.get("text") or "") for part in content if part.get("type") == "text"]
    hidden = len(content) - len(texts)
    what = "an image" if hidden == 1 else f"{hidden} images"
    note = [f"({what} that this model cannot see)"] if hidden else []
    return {**turn, "content": "\n".join([*texts, *note])}


async def fitted_to_window(
    request: ChatRequest, window: ContextWindow, counter: TokenCounter, size: int | None
) -> ChatRequest:
    """The request with what does not fit into the model's window of ``size`` tokens left out."""
    fitted = await window.fit(
        list(request.chat),
        count=counter.message,
        overhead=counter.messages([], request.options.get("tools")),
        window=size,
        max_tokens=request.options.get("max_tokens"),
    )
    return replace(
        request, chat=fitted.messages, trimmed=fitted.trimmed, prompt_tokens=fitted.tokens
    )
