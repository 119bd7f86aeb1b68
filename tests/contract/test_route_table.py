"""Each row of ``docs/routes.md``, measured again."""

from __future__ import annotations

import pytest

from bruno_llm.testing import FakeServer
from tests.contract.route_table import HEAD, PAGE, ROWS, Row, measured

pytestmark = pytest.mark.usefixtures("no_keys")


# One of each kind: Azure's client, a client that litellm drops, its httpx and its SDK code.
QUICK = ("azure", "cloudflare", "groq", "perplexity")


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(row, id=str(row), marks=[] if str(row) in QUICK else [pytest.mark.slow])
        for row in ROWS
    ],
)
async def test_a_route_does_what_the_page_says(row: Row) -> None:
    assert await measured(row, FakeServer) in PAGE.read_text("utf-8").splitlines()


def test_the_page_has_these_rows_and_no_others() -> None:
    text = PAGE.read_text("utf-8")
    assert text.startswith(HEAD)
    listed = [line.split("`")[1] for line in text.splitlines() if line.startswith("| `")]
    assert listed == [str(row) for row in ROWS]
