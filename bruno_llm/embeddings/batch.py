"""One request for vectors, and what it may cost."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from pydantic import SecretStr

from bruno_llm.call.endpoint import Endpoint
from bruno_llm.call.send import Call
from bruno_llm.call.worst import Known
from bruno_llm.completion import Usage
from bruno_llm.exceptions import BudgetExceededError

__all__ = ["Batch"]


class Batch(Call):
    """One request of an embedding call."""

    def __init__(
        self,
        endpoint: Endpoint,
        texts: Sequence[str],
        options: Mapping[str, Any],
        tokens: int,
        api_key: SecretStr | None,
    ) -> None:
        base_url, address = endpoint._address()
        super().__init__(
            endpoint,
            api_key=api_key,
            base_url=base_url,
            address=address,
            timeout=endpoint.timeout,
            options=options,
        )
        self._texts = texts
        self._known = Known(list(texts), strict=bool(options.get("extra_body")))
        self.tokens = tokens

    @property
    def texts(self) -> Sequence[str]:
        return self._texts

    def expected_tokens(self) -> int:
        return self.tokens

    def used_by_a_lost_try(self) -> Usage:
        return Usage(self.tokens, 0, self.tokens, estimated=True)

    def worst_case(self) -> Decimal | None:
        return self._price(0)

    def most(self, body: Mapping[str, Any], content: bytes) -> Decimal | None:
        surplus = self._known.surplus(body)
        if math.isinf(surplus):
            raise BudgetExceededError(
                "what it refers to has no length that is known, so the call cannot be kept within"
                " the budget",
                self.endpoint.name,
                model=self.endpoint.model,
            )
        return self._price(int(surplus)) if surplus else None

    def _price(self, surplus: int) -> Decimal | None:
        exact = self.endpoint._counter.exact
        tokens = (self.tokens if exact else self.tokens + self.tokens // 4) + surplus
        cost = self.endpoint._pricing.cost(Usage(tokens, 0, tokens), self.endpoint.model)
        return None if cost is None else Decimal(str(cost))
