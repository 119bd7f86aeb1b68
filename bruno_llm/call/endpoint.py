"""What a chat provider and an embedder share: an address, a key, policies, and one way out."""

from __future__ import annotations

import os
import re
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, ClassVar, Literal, TypeVar

from bruno_core.utils.logging import get_logger
from pydantic import SecretStr
from typing_extensions import Self

from bruno_llm import _clock, _litellm
from bruno_llm.call.watch import Watch
from bruno_llm.completion import Completion, Usage
from bruno_llm.costs.prices import ModelPrice, price_of
from bruno_llm.costs.tracker import CostTracker, Reservation
from bruno_llm.errors.retry_after import retry_after_of
from bruno_llm.errors.rules import ErrorRule
from bruno_llm.errors.translate import translate
from bruno_llm.exceptions import AuthenticationError, ConfigurationError, LLMError
from bruno_llm.keys import resolve_key
from bruno_llm.policies.retry import Retry
from bruno_llm.policies.timeouts import LimitReached, Timeout, within
from bruno_llm.rate_limit.limit import RateLimit, Ticket
from bruno_llm.redaction import Redactor, hide_url_secrets
from bruno_llm.tokens.counter import TokenCounter, counter_for
from bruno_llm.vendors.model_list import fetch_models, has_model
from bruno_llm.vendors.registry import Vendor, vendor_of
from bruno_llm.wire.client import Exchange
from bruno_llm.wire.facts import Format

__all__ = ["Booked", "Booking", "Call", "Endpoint"]

logger = get_logger(__name__)
T = TypeVar("T")
# A server of one's own may want no key, but litellm insists on one for the vendors that always do.
_NO_KEY = "none"
_VERSION = re.compile(r"/v\d+\w*$")


@dataclass(slots=True)
class Call:
    """One call, ready to be sent as often as needed."""

    texts: Sequence[str]
    timeout: Timeout
    api_key: str | None
    base_url: str | None
    tag: str | None = None
    ticket: Ticket | None = None
    exchange: Exchange | None = None
    watch: Watch | None = None
    started: float = field(default_factory=_clock.monotonic)
    sent: float = 0.0

    @property
    def options(self) -> Mapping[str, Any]:
        """What the caller asked of the model besides the texts."""
        return {}

    @property
    def content(self) -> Sequence[Mapping[str, Any]]:
        """The messages, for those who asked to see them."""
        return ()


@dataclass(slots=True)
class Booked:
    """What a call used: tokens, US dollars (``None``: unknown price), the model that answered."""

    usage: Usage | None
    cost: float | None
    model: str
    completion: Completion | None = None


@dataclass(slots=True)
class Booking:
    """Filled while the call runs; booked when it ends, however it ends."""

    reservation: Reservation | None = None
    done: Booked | None = None


class Endpoint(ABC):
    """A model at a vendor. Nothing is opened or checked before the first call."""

    name: ClassVar[str] = "litellm"
    prefix: ClassVar[str] = ""
    prefixes: ClassVar[tuple[str, ...]] = ()
    default_model: ClassVar[str | None] = None
    prices: ClassVar[Mapping[str, ModelPrice]] = {}
    vendor: ClassVar[Vendor | None] = None
    api_key_env: ClassVar[tuple[str, ...]] = ()
    base_url_env: ClassVar[tuple[str, ...]] = ()
    needs_key: ClassVar[bool] = False
    error_rules: ClassVar[Sequence[ErrorRule]] = ()
    kind: ClassVar[Literal["chat", "embedding"]] = "chat"

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if cls.vendor is not None:
            cls.api_key_env = cls.vendor.api_key_env
            cls.base_url_env = cls.vendor.base_url_env
            cls.needs_key = cls.vendor.needs_key

    def __init__(
        self,
        model: str | None,
        *,
        api_key: str | SecretStr | None,
        base_url: str | None,
        timeout: Timeout | float | None,
        retry: Retry | None,
        rate_limit: RateLimit | None,
        costs: CostTracker | None,
    ) -> None:
        self._litellm_model = self._with_prefix(model)
        self._api_key = SecretStr(api_key) if isinstance(api_key, str) else api_key
        self._base_url = base_url
        self.timeout = Timeout.of(timeout)
        self.retry = retry
        self.rate_limit = rate_limit
        self.costs = costs
        self._clients = _litellm.Clients()

    # --- what it is ---------------------------------------------------------------------------

    @property
    def model(self) -> str:
        """The model's name as the vendor writes it (the generic classes: litellm's string)."""
        return self._litellm_model.removeprefix(self.prefix)

    @property
    def base_url(self) -> str | None:
        """The address in use: argument, then environment; ``None`` for the vendor's own."""
        vendor = self._vendor
        found = (os.environ.get(name, "").strip() for name in vendor.base_url_env)
        address = self._base_url or next((value for value in found if value), vendor.base_url)
        if not address:
            return None
        address = _with_scheme(address).rstrip("/")
        return address if _VERSION.search(address) else address + vendor.version

    def __repr__(self) -> str:
        address = hide_url_secrets(self._base_url) if self._base_url else None
        return f"{type(self).__name__}(model={self.model!r}, base_url={address!r})"

    def _with_prefix(self, model: str | None) -> str:
        name = (model or "").strip() or self.default_model or ""
        for prefix in (self.prefix, *self.prefixes):
            name = name.removeprefix(prefix)
        return self.prefix + name

    def _require_model(self) -> None:
        # Not in the constructor: bruno-core's registry makes providers without arguments.
        if not self.model:
            raise ConfigurationError(
                f"{type(self).__name__} needs a model, such as 'groq/llama-3.3-70b-versatile'"
            )

    @property
    def _route(self) -> str:
        return _litellm.route_of(self._litellm_model)

    @property
    def _vendor(self) -> Vendor:
        return self.vendor or vendor_of(self._route)

    @property
    def _counter(self) -> TokenCounter:
        route = self._route
        return counter_for("ollama" if route == "ollama_chat" else route, self.model)

    def _key(self, base_url: str | None) -> str | None:
        vendor = self._vendor
        key = resolve_key(self.name, self._api_key, vendor.api_key_env)
        if key is not None:
            return key.value.get_secret_value()
        if not vendor.needs_key:
            return None
        if base_url is not None:
            return _NO_KEY
        raise AuthenticationError(
            "there is no API key",
            self.name,
            model=self.model,
            hint=f"set {vendor.api_key_env[0]}, or give api_key=...",
        )

    # --- the way out --------------------------------------------------------------------------

    @abstractmethod
    def _expected_tokens(self, call: Any) -> int:
        """Tokens a try will probably use, for the rate limit."""

    @abstractmethod
    def _worst_case(self, call: Any) -> Decimal | None:
        """US dollars a call can cost at most, for the budget; ``None`` for an unknown price."""

    @asynccontextmanager
    async def _admitted(self, call: Call) -> AsyncIterator[Booking]:
        """A place for the call and money for it; both given back when it ends."""
        call.watch = Watch(self.name, self.model, self.kind, call.base_url, call.options)
        booking = Booking()
        failure: BaseException | None = None
        try:
            async with self.rate_limit.slot() if self.rate_limit else nullcontext():
                if self.costs is not None:
                    booking.reservation = await self.costs.reserve(
                        provider=self.name,
                        model=self.model,
                        worst_case=self._worst_case(call),
                        tag=call.tag,
                    )
                try:
                    yield booking
                finally:
                    await self._settle(call, booking)
        except BaseException as error:
            failure = error
            raise
        finally:
            call.watch.end(booking.done, failure, call.content)

    async def _settle(self, call: Call, booking: Booking) -> None:
        done = booking.done
        if self.rate_limit is not None and call.ticket is not None and done and done.usage:
            await self.rate_limit.settle(call.ticket, done.usage.total_tokens)
        if booking.reservation is None:
            return
        if done is None:
            await booking.reservation.release()
            return
        try:
            await booking.reservation.settle(
                usage=done.usage, cost=done.cost, model=done.model, kind=self.kind
            )
        except LLMError as error:
            # The answer is paid for and must not be lost; what was reserved stays reserved.
            logger.error(
                "cost_booking_failed", provider=self.name, model=done.model, error=str(error)
            )

    async def _send(
        self,
        call: Call,
        attempt: Callable[[Any, Exchange], Awaitable[T]],
        wire: Format | None,
    ) -> T:
        """For each try: pace, wire, errors in our words."""
        watch = call.watch

        async def one_try() -> T:
            call.exchange = exchange = Exchange(wire, call.timeout.http())
            if self.rate_limit is not None:
                call.ticket = await self.rate_limit.pace(self._expected_tokens(call))
            try:
                with watch.current() if watch else nullcontext():
                    async with within("first_token", call.timeout.first_token):
                        return await attempt(call, exchange)
            except Exception as exc:  # whatever litellm or the SDK below it raises
                error = exc if isinstance(exc, LLMError) else self._translate(call, exc)
                if self.rate_limit is not None and call.ticket and error.status_code:
                    await self.rate_limit.settle(call.ticket, 0)
                if error is exc:
                    raise
                raise error from error.original_error
            finally:
                if self.rate_limit is not None and exchange.status is not None:
                    self.rate_limit.observe(
                        exchange.headers,
                        status=exchange.status,
                        retry_after=retry_after_of(exchange.headers, exchange.error_text),
                    )

        call.sent = _clock.monotonic()
        try:
            async with within("total", call.timeout.total):
                if self.retry is None:
                    return await one_try()
                return await self.retry.run(one_try, on_retry=watch.retried if watch else None)
        except LimitReached as exc:
            call.exchange = Exchange(wire, call.timeout.http())  # not what the last try was told
            error = self._translate(call, exc)
            raise error from error.original_error

    def _cost(self, answered_by: str, usage: Usage, raw: Any = None) -> float | None:
        """US dollars, by the model that answered: an alias may stand for a dearer one."""
        if self._vendor.free and not self.prices:
            return 0.0
        for model in filter(None, (answered_by, self.model)):
            pinned = price_of(self.prices, model)
            facts = _litellm.model_facts(model, self._route)
            if pinned is not None and not pinned.agrees_with(facts):
                return pinned.cost(usage)
            if facts:
                cost = _litellm.cost(model, self._route, usage, raw)
                if cost is not None:
                    return cost
        return None

    def _translate(self, call: Call, error: BaseException | None) -> LLMError:
        assert call.exchange is not None
        vendor = self._vendor
        return translate(
            error,
            call.exchange,
            provider=self.name,
            model=self.model,
            rules=(*self.error_rules, *vendor.error_rules),
            redact=Redactor(self._secrets(call.api_key), call.texts),
            hints=vendor.hints,
        )

    def _secrets(self, api_key: str | None) -> list[str]:
        # On other routes litellm takes the key from the environment itself.
        own = [api_key] if api_key else []
        return own + [v for k, v in os.environ.items() if k.endswith(("_API_KEY", "_TOKEN"))]

    # --- the vendor's side --------------------------------------------------------------------

    async def list_models(self) -> list[str]:
        """The models the vendor has for this key, by a free request of at most 5 seconds.

        Raises:
            LLMError: The vendor cannot be reached or refuses the key.
            ConfigurationError: This route has no list.
        """
        self._require_model()
        vendor, base_url = self._vendor, self.base_url
        if vendor.models is None:
            raise ConfigurationError(f"{self._route} has no list of models that can be asked")
        api_key = self._key(base_url)
        clients = await self._clients.get()
        return await fetch_models(
            clients.http,
            vendor.models,
            base_url=base_url,
            api_key=api_key,
            provider=self.name,
            rules=tuple(vendor.error_rules),
            hints=vendor.hints,
        )

    async def check_connection(self) -> bool:
        """Whether a call could work: the server answers, takes the key and has the model.

        Takes at most 5 seconds and costs nothing.
        """
        try:
            models = await self.list_models()
        except LLMError as error:
            logger.info("llm_check_failed", provider=self.name, error=str(error))
            return False
        return has_model(models, self._litellm_model.removeprefix(f"{self._route}/"), self.base_url)

    async def aclose(self) -> None:
        """Close this event loop's connections; a later call opens new ones."""
        await self._clients.aclose()

    async def close(self) -> None:
        """The same as ``aclose()``."""
        await self.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.aclose()


def _with_scheme(address: str) -> str:
    """OLLAMA_HOST may be ``0.0.0.0:11434``, which is where a server listens, not where it is."""
    if "://" not in address:
        address = f"http://{address}"
    return address.replace("://0.0.0.0", "://127.0.0.1")
