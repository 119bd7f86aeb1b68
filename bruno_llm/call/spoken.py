"""In which format a call is spoken, and what litellm must not see of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bruno_llm import _litellm
from bruno_llm.vendors.openai.api import NOT_IN_RESPONSES, hidden_from_litellm, needs_responses
from bruno_llm.vendors.vendor import Vendor
from bruno_llm.wire.facts import Format
from bruno_llm.wire.turn import Origin

__all__ = ["Spoken", "Tongues"]


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


class Tongues:
    """The formats in which one model can be asked; which one depends on the call."""

    def __init__(self, vendor: Vendor, route: str, litellm_model: str) -> None:
        bare = litellm_model.removeprefix(f"{route}/")
        facts = _litellm.model_facts(litellm_model, route)
        self._model, self._mode = bare, facts.get("mode")
        self._two = vendor.responses is not None

        def speaking(wire: Format | None, **more: Any) -> Spoken:
            return Spoken(wire, Origin(wire.name, route, bare) if wire else None, **more)

        hidden = hidden_from_litellm(bare, self._mode) if self._two else ()
        self._first = speaking(vendor.wire_of(bare), hidden=hidden)
        # One that litellm does not know may think.
        reasons = not facts or bool(facts.get("supports_reasoning"))
        self._second = speaking(vendor.responses, lacks=NOT_IN_RESPONSES, reasons=reasons)

    def of(self, options: dict[str, Any], base_url: str | None) -> Spoken:
        """The format of this call; takes the option ``api`` out.

        Raises:
            ConfigurationError: ``api`` is no such thing.
        """
        if not self._two:
            return self._first
        api = options.pop("api", "auto")
        second = needs_responses(api, self._model, base_url, options, self._mode)
        return self._second if second else self._first
