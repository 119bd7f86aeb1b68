"""What is known of a vendor, whichever provider class talks to it. Data only."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bruno_llm._litellm import Quirks
from bruno_llm.capabilities import Capabilities
from bruno_llm.costs.prices import ModelPrice
from bruno_llm.errors.rules import ErrorRule
from bruno_llm.tokens.rules import Family
from bruno_llm.vendors.counting import CountEndpoint
from bruno_llm.vendors.dialect import Dialect
from bruno_llm.vendors.model_list import ModelList
from bruno_llm.vendors.vectors import VectorEndpoint, VectorLimits
from bruno_llm.wire.facts import Format

if TYPE_CHECKING:
    from bruno_llm.vendors.asking import Asking

__all__ = ["Description", "Vendor"]


@dataclass(frozen=True, slots=True)
class Description:
    """What a server says of a model.

    ``window`` is the tokens it holds at once as it runs now, ``None`` while it does not run.
    """

    capabilities: Capabilities
    window: int | None


@dataclass(frozen=True, slots=True)
class Vendor:
    """A vendor's wire, its ways to name things, and its words for errors.

    Attributes:
        name: litellm's name of the vendor, by which its price map and our token rules know it;
            empty when the vendor is not one of ours.
        routes: litellm routes that lead to it (what stands before the ``/`` of a model string);
            the first is the one that is used, whichever was written.
        wire: The format of its answers, ``None`` when it is not read.
        wires: Formats of models whose names begin so, where not all are answered in one.
        responses: The format of OpenAI's second endpoint, where it has that too.
        bridged: It has not, and litellm goes to that endpoint all the same for a function tool.
        schemas: How tools and shapes of answers are written for it.
        schemas_of: The same for models whose names begin so, where not all are alike.
        models: Where it lists its models for free.
        api_key_env: Variables that may hold the key; the first is the one to name to a user.
        base_url_env: Variables that may hold the address.
        needs_key: It never answers without a key (on its own address).
        base_url: Where it is when nobody says otherwise, for servers of one's own.
        port: Where it listens when an address is written without a scheme and a port.
        pasted: What users leave behind its address, and litellm puts there itself.
        local_version: What the address of a server on this machine ends in, when it has no path.
        version: What its addresses end in; added to a base_url that ends in no version.
        error_rules: What it says in words.
        hints: By error class name, what the user can do.
        quirks: What litellm does with its models of its own accord; ``None`` for what it does with
            others on that route.
        telemetry: OpenTelemetry's name of it, where that is not the provider's.
        params: Options of its own that litellm passes on.
        headers: Options that travel as a header; litellm loses them once it has our client.
        lacks: Options, or ``option=value``, that litellm drops or garbles here without a word.
        fit: Puts the options of a call into words that litellm and the vendor take.
        defaults: Options of every call unless the caller says otherwise.
        prices: US dollars per million tokens, by model.
        tokens: How its models count, ``None`` when that is told by their names alone.
        caches_unasked: Its models write prompts into a cache by themselves.
        named: What is found in the names of its models, whoever serves them: a pattern, of names in
            small letters without anything before a ``/``; empty for none.
        vector_limits: What it takes in one request for vectors, and how long those are.
        vectors: Its endpoint for vectors, ``None`` where litellm asks it.
        count: Its endpoint that counts a prompt, ``None`` when it has none.
        counts_by_asking: It has none, but an answer of one token tells and costs nothing.
        describe: Asks a running server what a model of this name can do.
        billed: What an answer with this usage, as litellm read it, was billed at in US dollars, for
            vendors that say it.
        free: It costs nothing, whatever the model.
        silent_window: Tokens to which it cuts a prompt without a word, unless ``num_ctx`` says
            otherwise.
    """

    name: str = ""
    routes: tuple[str, ...] = ()
    wire: Format | None = None
    wires: Mapping[str, Format] = field(default_factory=dict)
    responses: Format | None = None
    bridged: bool = False
    schemas: Dialect = Dialect()  # noqa: RUF009  frozen
    schemas_of: Mapping[str, Dialect] = field(default_factory=dict)
    models: ModelList | None = None
    api_key_env: tuple[str, ...] = ()
    base_url_env: tuple[str, ...] = ()
    needs_key: bool = False
    base_url: str | None = None
    port: int | None = None
    pasted: tuple[str, ...] = ()
    local_version: str = ""
    version: str = ""
    error_rules: Sequence[ErrorRule] = ()
    hints: Mapping[str, str] = field(default_factory=dict)
    quirks: Quirks | None = None
    telemetry: str = ""
    params: frozenset[str] = frozenset()
    headers: Mapping[str, str] = field(default_factory=dict)
    lacks: frozenset[str] = frozenset()
    fit: Callable[[dict[str, Any]], None] | None = None
    defaults: Mapping[str, Any] = field(default_factory=dict)
    prices: Mapping[str, ModelPrice] = field(default_factory=dict)
    tokens: Family | None = None
    named: str = ""
    caches_unasked: bool = True
    vector_limits: VectorLimits = VectorLimits()  # noqa: RUF009  frozen
    vectors: VectorEndpoint | None = None
    count: CountEndpoint | None = None
    counts_by_asking: bool = False
    describe: Callable[[Asking, str], Awaitable[Description]] | None = None
    billed: Callable[[Any], float | None] | None = None
    free: bool = False
    silent_window: int | None = None

    @property
    def prefix(self) -> str:
        """What stands before the model's name for litellm: ``"ollama_chat/"``."""
        return f"{self.routes[0]}/" if self.routes else ""

    def wire_of(self, model: str) -> Format | None:
        """The format in which this model answers."""
        return next((self.wires[name] for name in self.wires if model.startswith(name)), self.wire)

    def dialect(self, model: str) -> Dialect:
        """How schemas are written for this model."""
        found = (self.schemas_of[name] for name in self.schemas_of if model.startswith(name))
        return next(found, self.schemas)

    def window(self, options: Mapping[str, Any]) -> int | None:
        """The window of a vendor that cuts what does not fit without saying so, in tokens."""
        default = self.silent_window
        return options.get("num_ctx", default) if default else None
