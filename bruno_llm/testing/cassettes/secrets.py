"""What must not be in a file that is published."""

from __future__ import annotations

import os
import re
from pathlib import Path

_START = r"(?<![A-Za-z0-9])"
_SECRETS = {
    "a key of OpenAI's or Anthropic's form": rf"{_START}sk-[A-Za-z0-9_-]{{20,}}",
    "a Google key": rf"{_START}AIza[A-Za-z0-9_-]{{35}}",
    "a vendor's token": rf"{_START}(?:gsk_|hf_|xai-|pplx-|r8_|ghp_|github_pat_)\w{{20,}}",
    "an AWS key": rf"{_START}AKIA[A-Z0-9]{{16}}(?![A-Z0-9])",
    "a JSON web token": rf"{_START}eyJ[\w-]{{10,}}\.eyJ[\w-]{{10,}}\.",
    "a private key": r"-----BEGIN [A-Z ]*PRIVATE KEY-----",
    "a bearer token": r"(?i)\bbearer\s+(?!\[redacted\])[\w.~+/-]{12,}",
    "a header that names an account": (
        r"(?im)^[ \t]*['\"]?(?:authorization|x-api-key|x-goog-api-key|api-key|cookie|set-cookie"
        r"|openai-organization|openai-project|anthropic-organization-id)['\"]?:"
    ),
    "a key in a query": r"[?&](?:key|api_key|access_token)=(?!\[redacted\])[^&\s'\"]{8,}",
    "an OpenAI organization": rf"{_START}org-[A-Za-z0-9]{{20,}}",
}
_SECRET_VARIABLE = re.compile(r"(?:_API_KEY|_TOKEN|_SECRET|_PASSWORD)$")


def find_secrets(text: str) -> list[str]:
    """What in a text should not be published, such as ``["line 12: a Google key"]``.

    Looks for the forms of vendors' keys and account names, for the values of this process's
    ``*_API_KEY``, ``*_TOKEN``, ``*_SECRET`` and ``*_PASSWORD`` variables, and for paths in the
    home directory. The secret itself is not in the answer.
    """
    patterns = dict(_SECRETS)
    for name, value in os.environ.items():
        if _SECRET_VARIABLE.search(name) and len(value) >= 12:
            patterns[f"the value of ${name}"] = re.escape(value)
    home = str(Path.home())
    if len(home) > 1:
        patterns["a path in the home directory"] = rf"(?<![\w.-]){re.escape(home)}/\w"
    found = [
        (text.count("\n", 0, match.start()) + 1, what)
        for what, pattern in patterns.items()
        for match in re.finditer(pattern, text)
    ]
    return [f"line {line}: {what}" for line, what in sorted(found)]
