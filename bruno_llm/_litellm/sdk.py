"""OpenAI's client as litellm is given it: one request a call, with the body that litellm made."""

from __future__ import annotations

from functools import cached_property, lru_cache
from typing import Any

__all__ = ["client_class"]

# What of the arguments is no field of the body, and its name among the request's options.
_AROUND = {
    "extra_headers": "headers",
    "extra_query": "params",
    "extra_body": "extra_json",
    "timeout": "timeout",
}


@lru_cache(maxsize=4)
def client_class(sdk: Any) -> Any:
    """``AsyncOpenAI`` or ``AsyncAzureOpenAI``, sending each request once and as it is."""
    from openai import AsyncStream, BaseModel
    from openai.resources.chat import AsyncChat, AsyncCompletions
    from openai.types.chat import ChatCompletionChunk

    class RawAnswer(BaseModel):
        """A plain answer as it came: litellm asks for no more of it than a dict."""

    class Completions(AsyncCompletions):
        """Posts the body as it is.

        OpenAI's own takes each message through the types of its fields first, to rename fields and
        encode files, of which chat completions have none: 0.2 ms a message, most of the time of a
        call with a long history (openai 2.54, ``async_maybe_transform``).
        """

        def create(self, **given: Any) -> Any:
            body = {k: v for k, v in given.items() if k not in _AROUND}
            options = {to: given[k] for k, to in _AROUND.items() if given.get(k) is not None}
            client: Any = self._client
            return client.post(
                "/chat/completions",
                body=body,
                options=options,
                cast_to=RawAnswer,
                stream=bool(body.get("stream")),
                stream_cls=AsyncStream[ChatCompletionChunk],
            )

    class ChatResource(AsyncChat):
        @cached_property
        def completions(self) -> Any:
            return Completions(self._client)

    class Client(sdk):  # type: ignore[misc]  # known when it is loaded
        """OpenAI's client, sending each request once.

        litellm sets ``max_retries`` of the client it is given, for embeddings to 2 when it was
        asked for 0 (``OpenAIChatCompletion.embedding``: ``max_retries or DEFAULT_MAX_RETRIES``).
        """

        _bruno_client = True

        @cached_property
        def chat(self) -> Any:
            return ChatResource(self)

        max_retries = property(lambda self: 0, lambda self, value: None)

    return Client
