"""Where an API key comes from: the argument, the environment, the keyring of the system.

A key is never written to a file of this package. ``bruno-llm keys set openai`` puts it into the
keyring of the operating system (macOS Keychain, Windows Credential Manager, Secret Service),
which needs the extra ``bruno-llm[keyring]``.
"""

from __future__ import annotations

from bruno_llm.keys.aside import LIMIT, SOON, forget, silence
from bruno_llm.keys.resolve import (
    ResolvedKey,
    fits_a_header,
    given_key,
    kept_key,
    kept_key_aside,
    kept_key_soon,
    known_key,
    provider_variable,
    resolve_key,
    sealed,
    variable_part,
    where_from,
)
from bruno_llm.keys.store import StoredKey, delete_key, keyring_name, list_keys, set_key
from bruno_llm.redaction import hide_url_secrets, mask

__all__ = [
    "LIMIT",
    "SOON",
    "ResolvedKey",
    "StoredKey",
    "delete_key",
    "fits_a_header",
    "forget",
    "given_key",
    "hide_url_secrets",
    "kept_key",
    "kept_key_aside",
    "kept_key_soon",
    "keyring_name",
    "known_key",
    "list_keys",
    "mask",
    "provider_variable",
    "resolve_key",
    "sealed",
    "set_key",
    "silence",
    "variable_part",
    "where_from",
]
