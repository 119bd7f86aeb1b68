"""Bodies of errors that are large on purpose: no pattern of ours or litellm's sees all of it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest

from bruno_llm import InvalidRequestError, LLMError
from bruno_llm.redaction import Redactor
from bruno_llm.testing import FakeServer, Raw
from bruno_llm.wire.bodies import cut
from tests.contract.matrix import Case, complete

pytestmark = pytest.mark.covering(1)

PROMPT = "The quick brown fox jumps over the lazy dog. " * 2000
BODIES = {
    "a proxy's page": b"x " * 1_000_000,
    "words of a rule": b"input token count " * 110_000,
    "an image echoed": json.dumps(
        {"detail": [{"msg": "bad", "input": "iVBORw0" * 200_000}]}
    ).encode(),
    "nested": b"[" * 1_000_000,
    "many": json.dumps({"error": {"message": "bad", "all": list(range(300_000))}}).encode(),
    "one": json.dumps({"error": {"message": "bad " * 500_000, "type": "x"}}).encode(),
}


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with FakeServer() as running:
        yield running


@pytest.mark.parametrize("status", [400, 422, 500])
@pytest.mark.parametrize("body", BODIES)
async def test_a_large_error_is_read_in_no_time(
    server: FakeServer, case: Case, way: str, body: str, status: int
) -> None:
    """2 MB took 12 to 21 s, in which the event loop did nothing else and no timeout applied."""
    headers = {"content-type": "application/json"}
    server.script(Raw(status=status, headers=headers, body=BODIES[body]))
    provider = case.provider(server, retry=None)
    began = time.process_time()
    with pytest.raises(LLMError) as caught:
        await complete(provider, way)
    assert time.process_time() - began < 1.5
    assert caught.value.status_code == status
    assert len(caught.value.message) <= 400


async def test_a_prompt_is_found_in_an_echo_that_was_cut(
    server: FakeServer, case: Case, way: str
) -> None:
    for echo in (
        {"error": {"message": f"cannot read: {PROMPT}"}},
        {"detail": [{"loc": ["body"], "input": {"messages": [{"content": PROMPT}]}}]},
        {"error": {"message": f"cannot read {json.dumps(PROMPT)!r}"}},
    ):
        body = json.dumps(echo).encode()
        server.script(Raw(status=422, headers={"content-type": "application/json"}, body=body))
        with pytest.raises(InvalidRequestError) as caught:
            await complete(
                case.provider(server, retry=None), way, [{"role": "user", "content": PROMPT}]
            )
        link: BaseException | None = caught.value
        while link is not None:
            assert "brown fox" not in f"{link} {link!r}"
            link = link.__cause__ or link.__context__


@pytest.mark.parametrize("spell", [str, json.dumps, repr, lambda text: repr(text.encode())])
@pytest.mark.parametrize("sign", ["你好世界", "é\n", "a", "'\" "])
def test_a_long_prompt_of_any_signs_is_found(spell: type[str], sign: str) -> None:
    prompt = "".join(f"{sign}{number}" for number in range(20_000))
    shown = Redactor([], [prompt])(f'{{"input": "{spell(prompt)}"}}')
    for start in range(0, 400, 20):
        assert prompt[start : start + 20] not in shown


def test_a_body_that_is_cut_stays_json() -> None:
    body = {"error": {"message": "m" * 9000, "code": 7, "all": list(range(90_000))}}
    shorter = json.loads(cut(json.dumps(body).encode()))["error"]
    assert (len(shorter["message"]), shorter["code"], len(shorter["all"])) == (4201, 7, 50)
    small = b'{"error": "small"}'
    assert cut(small) is small
