"""A key that the vendor refuses: the error says where it came from, and four characters of it."""

from __future__ import annotations

from collections.abc import Iterator

import keyring
import pytest

from bruno_llm import (
    AuthenticationError,
    LiteLLMProvider,
    LLMError,
    LLMFactory,
    PermissionDeniedError,
    keys,
)
from bruno_llm.embeddings import OpenAIEmbedder
from bruno_llm.testing import FakeServer, Fault
from tests.contract.matrix import CASES, WAYS, Case, ask
from tests.test_keys import MemoryKeyring

pytestmark = [pytest.mark.usefixtures("no_keys"), pytest.mark.covering(1)]

KEY = "planted-0123456789-WXYZ"
ARGUMENT = "the key is ****WXYZ, given as api_key"
KEYRING = "the key is ****WXYZ, from the keyring of the system"


@pytest.fixture(autouse=True)
def ring() -> Iterator[MemoryKeyring]:
    """An empty keyring of the system."""
    previous, empty = keyring.get_keyring(), MemoryKeyring()
    keyring.set_keyring(empty)
    keys.forget()
    yield empty
    keyring.set_keyring(previous)
    keys.forget()


async def refused(
    case: Case, server: FakeServer, way: str, status: int = 401, **more: object
) -> LLMError:
    """The error of a call, or of the list of models, whose key is refused."""
    fault = Fault.status(status)
    server.script(fault, endpoint="models" if way == "list_models" else "chat")
    provider = case.provider(server, **more)
    with pytest.raises(AuthenticationError) as caught:
        await (provider.list_models() if way == "list_models" else ask(provider, way))
    error = caught.value
    assert error.status_code == status
    assert KEY not in f"{error}{error!r}"
    assert "\n" not in str(error)
    return error


@pytest.mark.parametrize("way", [*WAYS, "list_models"])
@pytest.mark.parametrize("case", CASES, ids=str)
async def test_a_key_of_code(case: Case, server: FakeServer, way: str) -> None:
    error = await refused(case, server, way, api_key=KEY)
    assert error.hint is not None
    assert error.hint.endswith(ARGUMENT)
    assert error.hint in str(error)


@pytest.mark.parametrize("way", ["complete", "stream", "list_models"])
@pytest.mark.parametrize("case", [case for case in CASES if case.variable], ids=str)
async def test_a_key_of_the_environment(
    case: Case, server: FakeServer, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert case.variable is not None
    monkeypatch.setenv(case.variable, KEY)
    error = await refused(case, server, way, api_key=None)
    assert error.hint is not None
    assert error.hint.endswith(f"the key is ****WXYZ, from {case.variable}")


@pytest.mark.parametrize("way", ["complete", "stream", "list_models"])
@pytest.mark.parametrize("case", CASES, ids=str)
async def test_a_key_of_the_keyring(case: Case, server: FakeServer, way: str) -> None:
    keys.set_key(case.named, KEY)
    error = await refused(case, server, way, api_key=None)
    assert error.hint is not None
    assert error.hint.endswith(KEYRING)


@pytest.mark.parametrize("way", ["complete", "stream"])
@pytest.mark.parametrize("case", CASES, ids=str)
async def test_a_key_that_may_not(case: Case, server: FakeServer, way: str) -> None:
    error = await refused(case, server, way, 403, api_key=KEY)
    assert isinstance(error, PermissionDeniedError)
    assert error.hint is not None
    assert error.hint.endswith(ARGUMENT)


@pytest.mark.parametrize("way", ["complete", "stream"])
@pytest.mark.parametrize("case", CASES, ids=str)
async def test_nothing_of_a_short_key_is_shown(case: Case, server: FakeServer, way: str) -> None:
    error = await refused(case, server, way, api_key="key-of-ours")
    assert error.hint is not None
    assert error.hint.endswith("the key is ****, given as api_key")
    assert "ours" not in str(error)


@pytest.mark.parametrize("status", [400, 404, 429, 500])
async def test_other_errors_say_nothing_of_the_key(server: FakeServer, status: int) -> None:
    server.script(Fault.status(status))
    with pytest.raises(LLMError) as caught:
        await CASES[0].provider(server, api_key=KEY).complete([{"role": "user", "content": "Hi"}])
    assert "WXYZ" not in str(caught.value)


async def test_an_argument_that_a_variable_holds_too(
    server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The factory gives the key of a route on as an argument."""
    monkeypatch.setenv("BRUNO_LLM_GROQ_API_KEY", KEY)
    server.script(Fault.status(401))
    provider = LLMFactory.create(
        "groq", model="some-model", base_url=server.base_url("openai"), retry=None
    )
    assert isinstance(provider, LiteLLMProvider)
    with pytest.raises(AuthenticationError) as caught:
        await ask(provider, "complete")
    assert caught.value.hint == f"{ARGUMENT}, and stands in BRUNO_LLM_GROQ_API_KEY"


async def test_a_key_of_the_keyring_for_a_route_of_the_factory(server: FakeServer) -> None:
    keys.set_key("groq", KEY)
    server.script(Fault.status(401))
    provider = LLMFactory.create(
        "groq", model="some-model", base_url=server.base_url("openai"), retry=None
    )
    assert isinstance(provider, LiteLLMProvider)
    with pytest.raises(AuthenticationError) as caught:
        await ask(provider, "stream")
    assert caught.value.hint == KEYRING


async def test_a_key_of_the_keyring_that_code_gives_on(server: FakeServer) -> None:
    keys.set_key("groq", KEY)
    found = keys.resolve_key("groq", None, ())
    assert found is not None
    server.script(Fault.status(401))
    provider = LiteLLMProvider(
        "groq/some-model", api_key=found.value, base_url=server.base_url("openai"), retry=None
    )
    with pytest.raises(AuthenticationError) as caught:
        await ask(provider, "stream")
    assert caught.value.hint == f"{ARGUMENT}, and stands in the keyring of the system"


async def test_a_server_that_was_sent_no_key(server: FakeServer) -> None:
    server.script(Fault.status(401))
    with pytest.raises(AuthenticationError) as caught:
        await ask(CASES[0].provider(server, api_key=None), "complete")
    assert "the key is" not in str(caught.value)


async def test_an_embedder_says_it_too(server: FakeServer) -> None:
    server.script(Fault.status(401), endpoint="embed")
    embedder = OpenAIEmbedder(api_key=KEY, base_url=server.base_url("openai"), retry=None)
    with pytest.raises(AuthenticationError) as caught:
        await embedder.embed_text("Hi")
    assert caught.value.hint == ARGUMENT
