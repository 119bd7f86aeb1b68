"""litellm with a client of OpenAI's handed in, and so over httpx, as ours goes."""

from typing import Any

from openai import AsyncOpenAI

from contenders import raw_litellm


class Contender(raw_litellm.Contender):
    def __init__(self, url: str) -> None:
        super().__init__(url)
        self._client = AsyncOpenAI(api_key="benchmark-key", base_url=f"{url}/v1", max_retries=0)

    def asked(self, wire: str) -> dict[str, Any]:
        return {"model": "openai/gpt-4o-mini", "client": self._client, "max_retries": 0}

    async def close(self) -> None:
        await self._client.close()
