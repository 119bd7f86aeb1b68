"""The stream inside litellm's: what its parser of the wire gives, before litellm dresses it."""

from typing import Any

from contenders import raw_litellm


class Contender(raw_litellm.Contender):
    async def stream(self, wire: str, messages: Any) -> Any:
        opened = await self.opened(wire, messages)
        if opened.completion_stream is None:
            await opened.fetch_stream()
        async for chunk in opened.completion_stream:
            if isinstance(chunk, dict):
                text = chunk.get("text")
            else:
                text = chunk.choices[0].delta.content if chunk and chunk.choices else None
            if text:
                yield text
