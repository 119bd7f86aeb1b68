"""Where a model's vendor is, and the key for it."""

from __future__ import annotations

import re
from functools import cached_property
from typing import Any, ClassVar

from pydantic import SecretStr

from bruno_llm import _litellm
from bruno_llm._runtime.loops import Closable
from bruno_llm.exceptions import AuthenticationError, ConfigurationError, RequestTimeoutError
from bruno_llm.keys import (
    SOON,
    ResolvedKey,
    fits_a_header,
    given_key,
    kept_key,
    kept_key_aside,
    known_key,
    provider_variable,
    silence,
    where_from,
)
from bruno_llm.policies.timeouts import LimitReached, Timeout, within
from bruno_llm.vendors.address import (
    from_environment,
    mended,
    parted,
    whole_address,
    with_secrets,
)
from bruno_llm.vendors.registry import vendor_of
from bruno_llm.vendors.routes import KEY_VARIABLES, has_own_address
from bruno_llm.vendors.vendor import Vendor

__all__ = ["Access"]

# A server of one's own may want no key, but litellm insists on one for the vendors that always do.
_NO_KEY = SecretStr("none")
Where = tuple[str | None, SecretStr | None, SecretStr | None]
"""An address, the same with what is secret in it, and a key."""
_VERSION = re.compile(r"/v\d+\w*$")


class Access(Closable):
    """A model, its vendor, the address in use and the key; see ``Endpoint`` for the attributes."""

    name: ClassVar[str] = "litellm"
    prefix: ClassVar[str] = ""
    vendor: ClassVar[Vendor | None] = None
    api_key_env: ClassVar[tuple[str, ...]] = ()
    base_url_env: ClassVar[tuple[str, ...]] = ()
    needs_key: ClassVar[bool] = False
    _declared: ClassVar[frozenset[str]] = frozenset()
    _litellm_model: str
    _api_key: SecretStr | None
    _base_url: str | None

    @cached_property
    def model(self) -> str:
        """The model's name as the vendor writes it (the generic classes: litellm's string)."""
        return self._litellm_model.removeprefix(self.prefix)

    @cached_property
    def _route(self) -> str:
        return _litellm.route_of(self._litellm_model)

    @cached_property
    def _vendor(self) -> Vendor:
        return self.vendor or vendor_of(self._route)

    @cached_property
    def _quirks(self) -> _litellm.Quirks:
        return self._vendor.quirks or vendor_of(self._route).quirks or _litellm.Quirks()

    @property
    def base_url(self) -> str | None:
        """The address in use: argument, then environment; ``None`` for the vendor's own."""
        address, secret = self._address()
        return address if secret is None or address is None else with_secrets(address, secret)

    def _address(self) -> tuple[str | None, SecretStr | None]:
        """The address without its password and query; and the whole of it, where it has such."""
        vendor, address, name = self._vendor, self._base_url, "base_url"
        if not address:
            variables = self._declaring("base_url_env").base_url_env
            address, name = from_environment(variables) or (vendor.base_url, name)
        if not address:
            return None, None
        whole, secret = whole_address(address, vendor.port, name), None
        if "@" in whole or "?" in whole:
            whole, secret = parted(whole)
        address = mended(whole, vendor.pasted, vendor.local_version)
        return address if _VERSION.search(address) else address + vendor.version, secret

    def _declaring(self, attribute: str) -> Any:
        """The class, where it declares ``attribute`` itself; else the vendor."""
        return self if attribute in self._declared else self._vendor

    @property
    def key_variables(self) -> tuple[str, ...]:
        """The vendor's variables that may hold the key; the first is the one to set."""
        declared: tuple[str, ...] = self._declaring("api_key_env").api_key_env
        if declared or "api_key_env" in self._declared:
            return declared
        return KEY_VARIABLES.get(self._route, ())

    def found_key(self) -> ResolvedKey | None:
        """The key that a call would use now, and where it is from; ``None`` without one.

        Where the keyring has to be asked, this thread waits for it, as no call does.

        Raises:
            ConfigurationError: The keyring did not answer within two minutes.
        """
        return self._given_key() or kept_key(self._accounts, self.key_variables)

    def missing_key(self) -> AuthenticationError | None:
        """The error of a call that needs a key and has none, as far as that is known.

        May wait for the keyring, as ``found_key()``.
        """
        if self._may_do_without_key(self.base_url):
            return None
        try:
            return None if self.found_key() is not None else self._no_key()
        except ConfigurationError as silent:
            return self._no_key(silent.message)

    def _no_key(self, why: str = "there is no API key") -> AuthenticationError:
        return AuthenticationError(why, self.name, model=self.model, hint=self._where_to_set())

    def _where_to_set(self) -> str:
        names = " or ".join(self.key_variables[:2])
        return f"set {names}, or give api_key=..." if names else "give api_key=..."

    @property
    def _accounts(self) -> tuple[str, ...]:
        """The names under which the environment and the keyring may hold the key."""
        is_generic = self.vendor is None and not self.prefix and self.model
        return (self.name, self._route) if is_generic else (self.name,)

    def _given_key(self) -> ResolvedKey | None:
        """The key of the argument or of the environment."""
        key = given_key(self.name, self._api_key, self.key_variables)
        if key is None and len(self._accounts) > 1:
            key = given_key(self._route, None, ())
        return key

    async def _kept_key(
        self, base_url: str | None, timeout: Timeout | None = None
    ) -> ResolvedKey | None:
        """The key that the keyring has; the event loop goes on meanwhile.

        A keyring that does not answer is as one without a key for a model that may need none.

        Args:
            base_url: The address in use.
            timeout: That of the call; ``None`` in a check, which waits three seconds.

        Raises:
            AuthenticationError: The keyring did not answer.
            RequestTimeoutError: Not within the ``total`` of the call.
        """
        limit, seconds = ("total", timeout.total) if timeout else (None, SOON)
        try:
            async with within(limit, seconds):
                return await kept_key_aside(self._accounts)
        except ConfigurationError as silent:
            limit, why = None, silent.message
        except LimitReached:
            why = silence(seconds or 0.0, limit)
        if limit is not None:
            raise RequestTimeoutError(
                why, self.name, model=self.model, timeout=seconds, hint=self._where_to_set()
            )
        if self._may_do_without_key(base_url):
            return None
        raise self._no_key(why)

    async def _find_key(self) -> tuple[ResolvedKey | None, AuthenticationError | None]:
        """What ``found_key()`` and ``missing_key()`` say, for a check."""
        base_url = self._address()[0]
        try:
            key = self._given_key() or await self._kept_key(base_url)
        except AuthenticationError as silent:
            return None, silent
        is_there = key is not None or self._may_do_without_key(base_url)
        return key, None if is_there else self._no_key()

    def _may_do_without_key(self, base_url: str | None) -> bool:
        if base_url is not None:
            return True
        if self._declaring("needs_key").needs_key:
            return False
        declared = "needs_key" in self._declared or "api_key_env" in self._declared
        known = not declared and self._route in KEY_VARIABLES and not has_own_address(self._route)
        return not known or _litellm.has_key_of_its_own(self._route)

    @cached_property
    def _given(self) -> Where | None:
        """Where calls go and their key, when the constructor was told both."""
        if not (self._base_url and self._api_key):
            return None
        base_url, address = self._address()
        return base_url, address, self._sendable(self._api_key)

    async def _looked_up(self, timeout: Timeout) -> Where:
        """Address and key, as the environment and the keyring say them now."""
        base_url, address = self._address()
        return base_url, address, await self._key(base_url, timeout)

    async def _key(self, base_url: str | None, timeout: Timeout | None = None) -> SecretStr | None:
        key = self._api_key or ((given := self._given_key()) and given.value)
        if not key:
            kept = await self._kept_key(base_url, timeout)
            key = kept and kept.value
        if key:
            return self._sendable(key)
        if not self._may_do_without_key(base_url):
            raise self._no_key()
        return _NO_KEY if base_url and self._declaring("needs_key").needs_key else None

    def _sendable(self, key: SecretStr) -> SecretStr:
        if fits_a_header(key):
            return key
        raise AuthenticationError(
            "the API key holds characters that no HTTP header takes",
            self.name,
            model=self.model,
            hint=self._key_from(key),
        )

    def _key_from(self, api_key: SecretStr | None) -> str | None:
        key = None
        if api_key not in (None, _NO_KEY):
            key = self._given_key() or known_key(self._accounts)
        if key is None or key.value != api_key:
            return None  # litellm's own, or another meanwhile
        names = dict.fromkeys((self.name, self._route))
        return where_from(key, (*map(provider_variable, names), *self.key_variables))
