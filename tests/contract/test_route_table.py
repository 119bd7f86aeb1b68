"""Each row of ``docs/routes.md``, measured again."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from bruno_core.base import BaseAssistant
from bruno_core.models.message import Message, MessageRole

from bruno_llm.demo.memory import InMemory
from bruno_llm.testing import FakeServer, Reply
from tests.contract.route_table import ASK, HEAD, PAGE, measured, page, written
from tests.contract.rows import ROWS, Row, each_row
from tests.elsewhere import only_loopback
from tests.size import FULL

pytestmark = pytest.mark.usefixtures("no_keys", "no_collector")


# A hundred connections take their time: one of each kind of client, unless at full size.
POOLED = ("azure", "cloudflare", "groq")


@pytest.fixture
def asked_for() -> Iterator[list[str]]:
    """The hosts elsewhere that somebody wanted to reach; nobody does."""
    with only_loopback() as elsewhere:
        yield elsewhere


@pytest.mark.sized
@pytest.mark.parametrize("row", each_row())
async def test_a_route_does_what_the_page_says(row: Row, asked_for: list[str]) -> None:
    if row.google:
        pytest.importorskip("google.auth", reason="Vertex AI: pip install 'bruno-llm[dev]'")
    without = () if FULL or str(row) in POOLED else ("connections",)
    told = written()[str(row)]
    assert await measured(row, FakeServer, without) == {
        name: cell for name, cell in told.items() if name not in without
    }
    assert asked_for == [], "a base_url was given"


@pytest.mark.parametrize("row", each_row())
async def test_an_assistant_starts_and_talks(row: Row) -> None:
    """bruno-core's assistant on each route: it starts, answers, and a stream comes too."""
    if row.google:
        pytest.importorskip("google.auth", reason="Vertex AI: pip install 'bruno-llm[dev]'")
    bare = row.model.partition("/")[2]
    with FakeServer() as server, row.ready(server) as pointed:
        server.models = {key: [bare] for key in (*server.models, row.shape)}
        llm = pointed.provider(server)
        server.default = Reply("Oslo is it.")
        assistant = BaseAssistant(llm=llm, memory=InMemory())
        await assistant.initialize()
        asked = Message(role=MessageRole.USER, content="What is the capital of Norway?")
        reply = await assistant.process_message(asked, user_id="ada", conversation_id="c1")
        assert reply.text == "Oslo is it."
        assert "".join([piece async for piece in llm.stream(ASK)]) == "Oslo is it."


def test_the_page_has_these_rows_and_no_others() -> None:
    text = PAGE.read_text("utf-8")
    assert text.startswith(HEAD)
    assert list(written()) == [str(row) for row in ROWS]
    assert text == page(written())
