"""Where a model's vendor is, and the key for it."""

from __future__ import annotations

import re
from functools import cached_property
from typing import Any, ClassVar

from pydantic import SecretStr

from bruno_llm import _litellm
from bruno_llm._runtime.loops import Closable
from bruno_llm.exceptions import AuthenticationError
from bruno_llm.keys import (
    ResolvedKey,
    fits_a_header,
    provider_variable,
    resolve_key,
    where_from,
)
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
        """The same without a password and a query, and all of it where there is one of these."""
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
        """Who says what ``attribute`` is: the class where it declares it, else the vendor."""
        return self if attribute in self._declared else self._vendor

    @property
    def key_variables(self) -> tuple[str, ...]:
        """The vendor's variables that may hold the key; the first is the one to set."""
        declared: tuple[str, ...] = self._declaring("api_key_env").api_key_env
        if declared or "api_key_env" in self._declared:
            return declared
        return KEY_VARIABLES.get(self._route, ())

    def found_key(self) -> ResolvedKey | None:
        """The key that a call would use now, and where it is from; ``None`` without one."""
        key = resolve_key(self.name, self._api_key, self.key_variables)
        if key is None and self.vendor is None and not self.prefix and self.model:
            key = resolve_key(self._route, None, ())
        return key

    def missing_key(self) -> AuthenticationError | None:
        """The error of a call that needs a key and has none, as far as that is known."""
        if self._may_do_without_key(self.base_url) or self.found_key() is not None:
            return None
        names = " or ".join(self.key_variables[:2])
        where = f"set {names}, or give api_key=..." if names else "give api_key=..."
        return AuthenticationError("there is no API key", self.name, model=self.model, hint=where)

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
        return self._looked_up() if self._base_url and self._api_key else None

    def _looked_up(self) -> Where:
        """The same, as the environment says it now."""
        base_url, address = self._address()
        return base_url, address, self._key(base_url)

    def _key(self, base_url: str | None) -> SecretStr | None:
        key = self._api_key or ((found := self.found_key()) and found.value)
        if key:
            if fits_a_header(key):
                return key
            raise AuthenticationError(
                "the API key holds characters that no HTTP header takes",
                self.name,
                model=self.model,
                hint=self._key_from(key),
            )
        missing = self.missing_key()
        if missing is not None:
            raise missing
        return _NO_KEY if base_url and self._declaring("needs_key").needs_key else None

    def _key_from(self, api_key: SecretStr | None) -> str | None:
        key = self.found_key() if api_key not in (None, _NO_KEY) else None
        if key is None or key.value != api_key:
            return None  # litellm's own, or another meanwhile
        names = dict.fromkeys((self.name, self._route))
        return where_from(key, (*map(provider_variable, names), *self.key_variables))
