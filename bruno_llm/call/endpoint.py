"""What a chat provider and an embedder share: an address, a key, policies, a list of models."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeVar

from pydantic import SecretStr

from bruno_llm import _litellm
from bruno_llm._runtime.log import get_logger
from bruno_llm.call import path
from bruno_llm.call.access import Access
from bruno_llm.call.diagnosis import CannotBeAskedError, Diagnosis
from bruno_llm.call.pricing import Pricing
from bruno_llm.costs.prices import ModelPrice
from bruno_llm.errors.rules import ErrorRule
from bruno_llm.exceptions import (
    AuthenticationError,
    ConfigurationError,
    InvalidRequestError,
    LLMError,
    ModelNotFoundError,
    TransientError,
)
from bruno_llm.keys import sealed
from bruno_llm.options.checks import no_text
from bruno_llm.policies.retry import Retry
from bruno_llm.policies.timeouts import Timeout
from bruno_llm.redaction import Redactor, hide_url_secrets, secrets_in_use
from bruno_llm.vendors.address import checked
from bruno_llm.vendors.model_list import ModelList, has_model, list_in_openais_format, list_models
from bruno_llm.vendors.names import check_model, what_is_wrong_with
from bruno_llm.vendors.registry import vendor_of
from bruno_llm.vendors.routes import LIST_MODELS, has_own_address, mistyped
from bruno_llm.vendors.vendor import Description
from bruno_llm.wire.exchange import Exchange

if TYPE_CHECKING:
    from bruno_llm.costs.tracker import CostTracker
    from bruno_llm.rate_limit.limit import RateLimit
    from bruno_llm.tokens.counter import TokenCounter
    from bruno_llm.vendors.asking import Asking

__all__ = ["Endpoint"]

logger = get_logger(__name__)
T = TypeVar("T")
# What a server answers that knows no /models, unless it is a page with status 200.
_NO_LIST = (400, 404, 405, 501)
_OF_VENDOR = ("api_key_env", "base_url_env", "defaults", "needs_key", "prefix", "prices")


class Endpoint(Access):
    """A model at a vendor. Nothing is opened or checked before the first call.

    Attributes:
        name: The provider's name in errors, events and bookings.
        prefix: What litellm wants before the model's name; ``prefixes`` are others that mean it.
        default_model: The model when none is given.
        prices: The vendor's own table, which wins over litellm's.
        vendor: What is true of the vendor; found by the route when ``None``.
        api_key_env: Variables that may hold the key. A subclass that declares this, or
            ``base_url_env``, ``needs_key``, ``prefix``, ``prices`` or ``defaults``, gets exactly
            that; else they are the vendor's.
        error_rules: What its errors say in words; asked before the vendor's rules.
    """

    prefixes: ClassVar[tuple[str, ...]] = ()
    default_model: ClassVar[str | None] = None
    prices: ClassVar[Mapping[str, ModelPrice]] = {}
    error_rules: ClassVar[Sequence[ErrorRule]] = ()
    kind: ClassVar[Literal["chat", "embedding"]] = "chat"
    _described: Description | None = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        own = vars(cls)
        # A new vendor takes the place of what was declared for the one before it.
        before = frozenset() if "vendor" in own else cls._declared
        cls._declared = before | (own.keys() & set(_OF_VENDOR))
        if cls.vendor is not None:
            for attribute in set(_OF_VENDOR) - cls._declared:
                setattr(cls, attribute, getattr(cls.vendor, attribute))

    def __init__(
        self,
        model: str | None,
        *,
        api_key: str | SecretStr | None,
        base_url: str | None,
        timeout: Timeout | Mapping[str, float | None] | float | None,
        retry: Retry | None,
        rate_limit: RateLimit | None,
        costs: CostTracker | None,
        max_response_bytes: int | None,
    ) -> None:
        self._litellm_model = self._with_prefix(model)
        self._api_key = sealed(api_key)
        self._base_url = checked(base_url)
        self.timeout = Timeout.of(timeout)
        self.retry = retry
        self.rate_limit = rate_limit
        self.costs = costs
        self.max_response_bytes = max_response_bytes
        self._clients = _litellm.Clients(rate_limit.concurrency if rate_limit else None)

    # --- what it is ---------------------------------------------------------------------------

    @cached_property
    def _counter(self) -> TokenCounter:
        from bruno_llm.vendors.tokens import counter_for  # looks at every vendor

        vendor = self._vendor
        return counter_for(vendor.name or self._route, self.model, vendor.tokens)

    @cached_property
    def _pricing(self) -> Pricing:
        return Pricing(self._route, self.prices, self._vendor.free)

    @property
    def price(self) -> ModelPrice | None:
        """The model's base price in US dollars per million tokens, ``None`` when unknown."""
        return self._pricing.of(self.model)

    @cached_property
    def telemetry(self) -> str:
        """The provider's name in OpenTelemetry's conventions."""
        return (self.vendor and self.vendor.telemetry) or self.name

    def __repr__(self) -> str:
        address = hide_url_secrets(self._base_url) if self._base_url else None
        return f"{type(self).__name__}(model={self.model!r}, base_url={address!r})"

    def _with_prefix(self, model: str | None) -> str:
        if not isinstance(model, str | None):
            raise no_text("the model's name", model, "the key is api_key=...")
        name = (model or "").strip() or self.default_model or ""
        for prefix in (self.prefix, *self.prefixes):
            name = name.removeprefix(prefix)
        if not self.prefix and self.kind == "chat":
            route, slash, rest = name.partition("/")
            routes = vendor_of(route).routes
            if slash and routes:  # the one that is used, whichever was written
                name = f"{routes[0]}/{rest}"
        check_model(name, self.prices, f"{type(self).__name__}()")
        return self.prefix + name

    def _refuse_mistyped_route(self, params: Mapping[str, Any]) -> None:
        """Refuse ``opanai/gpt-4o``, naming what was meant.

        Raises:
            ConfigurationError: litellm has no such route, but one with nearly that name.
        """
        route, slash, _ = self._litellm_model.partition("/")
        if self.prefix or self.vendor or not slash or params.get("custom_llm_provider"):
            return
        meant = mistyped(route) and mistyped(route, _litellm.more_routes())
        if meant:
            raise ConfigurationError(f"there is no vendor {route!r}; did you mean {meant!r}?")

    def _require_model(self) -> None:
        """Refuse to ask for a model that is not named, or by a name that cannot be one.

        Not said in the constructor: bruno-core's registry makes providers without arguments.

        Raises:
            ConfigurationError: There is no name.
            InvalidRequestError: It is none, or would lead the request elsewhere.
        """
        if not self.model:
            raise ConfigurationError(
                f"{type(self).__name__} needs a model, such as 'groq/llama-3.3-70b-versatile'"
            )
        wrong = what_is_wrong_with(self._litellm_model, self._route, self._quirks)
        if wrong is not None:
            raise InvalidRequestError(f"the model's name {wrong}", self.name)

    def _error(
        self,
        error: BaseException | None,
        exchange: Exchange,
        api_key: SecretStr | None,
        texts: Sequence[str],
        options: Mapping[str, Any],
    ) -> LLMError:
        """The error of ours for a failed try, without the key and the texts."""
        from bruno_llm.errors.translate import translate  # as below

        vendor = self._vendor
        return translate(
            error,
            exchange,
            provider=self.name,
            model=self.model,
            rules=(*self.error_rules, *vendor.error_rules),
            redact=Redactor(secrets_in_use(api_key, exchange.address, options), texts),
            hints=vendor.hints,
            called=self._litellm_model.removeprefix(f"{self._route}/"),
            key_from=partial(self._key_from, api_key),
        )

    # --- the vendor's side --------------------------------------------------------------------

    async def list_models(self) -> list[str]:
        """The models the vendor has for this key, by a free request of at most 5 seconds.

        Raises:
            LLMError: The vendor cannot be reached or refuses the key.
            ConfigurationError: This route has no list.
        """
        self._require_model()
        where, key = self._vendor.models, None
        if where is None:
            base_url = self._address()[0]
            await self._key(base_url)
            where, key = await self._list_in_openais_format(base_url)
        try:
            return await self._asked(partial(list_models, where), where, key)
        except AuthenticationError:
            raise  # also with status 400: LiteLLM's proxy, Gemini
        except LLMError as error:
            no_list = error.status_code in _NO_LIST or isinstance(error.__cause__, ValueError)
            if self._vendor.models is not None or not no_list:
                raise
            refused = self._cannot_be_asked()
            refused.reachable = True
            raise refused from error

    async def _asked(
        self,
        question: Callable[[Asking], Awaitable[T]],
        where: ModelList,
        key: SecretStr | None = None,
    ) -> T:
        """What free requests to the vendor of this model tell, within 5 seconds.

        ``key`` is one that litellm knows, for when there is no other.
        """
        vendor, (base_url, address) = self._vendor, self._address()
        api_key = await self._key(base_url) or key
        clients = await self._clients.get()
        from bruno_llm.vendors.asking import ask_vendor  # with httpx, which is there by now

        return await ask_vendor(
            question,
            clients.http,
            base_url or where.url,
            where.headers_with(api_key),
            provider=self.name,
            model=self.model,
            rules=(*self.error_rules, *vendor.error_rules),
            hints=vendor.hints,
            api_key=api_key,
            address=address,
            key_from=partial(self._key_from, api_key),
        )

    async def _list_in_openais_format(
        self, base_url: str | None
    ) -> tuple[ModelList, SecretStr | None]:
        """Where a server in OpenAI's format lists its models, and a key that litellm knows.

        Raises:
            CannotBeAskedError: The route has another format, or nobody knows its address.
        """
        if self._route not in LIST_MODELS:
            raise self._cannot_be_asked()
        address, key = base_url, None
        if address is None:
            await _litellm.load(self._litellm_model, self._quirks)
            address, found = _litellm.address_of(self._litellm_model)
            key = SecretStr(found) if found else None
        if not address:
            raise self._cannot_be_asked()
        return list_in_openais_format(address), key

    def _cannot_be_asked(self) -> CannotBeAskedError:
        return CannotBeAskedError(f"{self._route} has no list of models that can be asked")

    async def diagnose(self) -> Diagnosis:
        """What a free request of at most 5 seconds tells; never raises an ``LLMError``.

        A vendor that cannot be asked for its models is not down: what is not known is ``None``.
        """
        try:
            models = await self.list_models()
        except CannotBeAskedError as error:
            return Diagnosis(reachable=error.reachable)
        except AuthenticationError as error:
            asked = error.status_code is not None
            return Diagnosis(asked or None, False if asked else None, error=error)
        except TransientError as error:
            return Diagnosis(reachable=False, error=error)
        except LLMError as error:
            return Diagnosis(error=error)
        vendor, base_url = self._vendor, self.base_url
        # Some servers give their list to everybody.
        accepted = True if vendor.models is not None else None
        wanted = self._litellm_model.removeprefix(f"{self._route}/")
        if has_model(models, wanted, base_url):
            return Diagnosis(True, accepted, True)
        if vendor.models is None and base_url is None and not has_own_address(self._route):
            return Diagnosis(True, accepted)  # hosts list a part of what they serve
        hint = vendor.hints.get("ModelNotFoundError", "").format(model=wanted) or None
        missing = ModelNotFoundError(
            f"it has no model {wanted!r}", self.name, model=self.model, hint=hint
        )
        return Diagnosis(True, accepted, False, missing)

    async def check_connection(self) -> bool:
        """Whether a call could work, as far as a free request of at most 5 seconds can tell.

        ``False``: the server does not answer, refuses the key, or has no such model, or the key
        is missing. A vendor whose models cannot be listed is given the benefit of the doubt.
        """
        found = await self.diagnose()
        if found.error is not None:
            logger.info("llm_check_failed", provider=self.name, error=str(found.error))
        elif found.model_present is None:
            logger.info("llm_check_unknown", provider=self.name, model=self.model)
        return found.ok

    async def warm_up(self) -> None:
        """Get ready for the first call: import, build, connect to nobody.

        Takes 2 to 4 s of CPU in a thread, once a process; the event loop goes on meanwhile.

        Raises:
            ConfigurationError: No model is named.
            InvalidRequestError: The model's name cannot be one.
            LitellmChangedError: This release of litellm lacks what is needed of it.
        """
        self._require_model()
        await self._get_ready()
        counts = (self.costs, self.rate_limit, getattr(self, "window", None))
        if (self.kind == "embedding" or any(counts)) and not self._counter.loaded:
            await _litellm.off_loop(self._counter.load)
        await self._clients.get()

    async def _get_ready(self) -> None:
        await _litellm.load(self._litellm_model, self._quirks)
        await _litellm.off_loop(path.get_ready)

    async def aclose(self) -> None:
        """Close this event loop's connections; a later call opens new ones."""
        await self._clients.aclose()
