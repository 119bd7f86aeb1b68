"""Raw requests to a strict FakeServer, and what came back."""

from __future__ import annotations

import json
from typing import Any

import httpx

from bruno_llm.testing import FakeServer, Reply

PLAIN: dict[str, Any] = {"trust_env": False, "verify": False, "timeout": 5}
PATHS = {"anthropic": "/v1/messages", "ollama": "/api/chat"}


class Client:
    """Asks one vendor's address of one server."""

    def __init__(self, server: FakeServer, vendor: str, model: str = "a-model") -> None:
        self.server = server
        self.model = model
        self.wire = vendor
        self.url = f"{server.base_url(vendor)}/chat/completions"
        if vendor == "responses":
            self.url = f"{server.base_url(vendor)}/responses"
        elif vendor in PATHS:
            self.url = server.url + PATHS[vendor]
        elif vendor == "gemini":
            self.url = f"{server.url}/v1beta/models/{model}:generateContent"

    def post(self, body: dict[str, Any]) -> httpx.Response:
        whole = body if self.wire == "gemini" else {"model": self.model, "stream": False} | body
        return httpx.post(**PLAIN, url=self.url, json=whole)

    def given(self, reply: Reply, body: dict[str, Any]) -> Any:
        """The model's turn in an accepted answer, as it has to come back."""
        self.server.script(reply)
        answer = self.post(body)
        assert answer.status_code == 200, answer.text
        got = answer.json()
        if self.wire == "anthropic":
            return got["content"]
        if self.wire == "gemini":
            return got["candidates"][0]["content"]["parts"]
        if self.wire == "responses":
            return got["output"]
        if self.wire == "ollama":
            return got["message"]
        message = got["choices"][0]["message"]
        return {name: value for name, value in message.items() if value is not None}

    def accepted(self, body: dict[str, Any]) -> None:
        answer = self.post(body)
        assert answer.status_code == 200, answer.text
        assert self.server.refusals == []

    def refused(self, body: dict[str, Any], status: int = 400) -> str:
        """What the vendor says; the script must still be whole."""
        pending = self.server.pending
        answer = self.post(body)
        assert answer.status_code == status, answer.text
        assert self.server.pending == pending
        said = self.server.refusals.pop()
        # In the body it may stand with its quotes escaped.
        assert json.dumps(said, ensure_ascii=False)[1:-1] in answer.text or status == 422
        return said


def copied(value: Any) -> Any:
    """A copy to change."""
    return json.loads(json.dumps(value))
