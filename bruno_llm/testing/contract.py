"""What bruno-core's assistants rely on in a provider, as checks for authors of providers.

Each check takes a function that makes the provider. Run it on something that gives the same
answer to the same question, such as a ``FakeServer`` or a cassette.
"""

from __future__ import annotations

import asyncio
import copy
import inspect
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import Any

from bruno_core.interfaces.llm import LLMInterface
from bruno_core.models.message import Message, MessageRole
from bruno_core.utils.exceptions import LLMError

from bruno_llm.chat import models_of

__all__ = ["CONTRACT", "check_provider"]

MakeProvider = Callable[[], LLMInterface]
ContractCheck = Callable[[MakeProvider], Awaitable[None]]


def _conversation() -> list[Message]:
    return [
        Message(role=MessageRole.SYSTEM, content="You are brief."),
        Message(role=MessageRole.USER, content="Hello"),
        Message(role=MessageRole.ASSISTANT, content="Hello!"),
        Message(role=MessageRole.USER, content="Which city is the capital of Norway?"),
    ]


async def _streamed(provider: LLMInterface, messages: list[Message]) -> list[str]:
    return [piece async for piece in _stream(provider, messages)]


def _stream(provider: LLMInterface, messages: list[Message]) -> Any:
    # bruno-core declares it `async def`; an implementation is an async generator.
    return provider.stream(messages)


async def check_signatures(make: MakeProvider) -> None:
    """It is an ``LLMInterface`` whose calls take the arguments of the interface."""
    provider = make()
    assert isinstance(provider, LLMInterface), f"{provider!r} is not an LLMInterface"
    for name in ("generate", "stream"):
        method = getattr(provider, name)
        assert not inspect.isabstract(type(provider)), "a method of the interface is missing"
        try:
            inspect.signature(method).bind([], temperature=0.5, max_tokens=10)
            inspect.signature(method).bind([], 0.5, 10)
            inspect.signature(method).bind([])
        except TypeError as error:
            raise AssertionError(
                f"{name}() must take messages, temperature and max_tokens, in this order: {error}"
            ) from error


async def check_no_arguments(make: MakeProvider) -> None:
    """Its class can be called without arguments: bruno-core's registry does so."""
    kind = type(make())
    try:
        kind()
    except Exception as error:
        raise AssertionError(
            f"{kind.__name__}() must work; a missing key is the error of the first call: {error!r}"
        ) from error


async def check_generate(make: MakeProvider) -> None:
    """``generate()`` gives text, and leaves the messages as they were."""
    messages = _conversation()
    before = copy.deepcopy(messages)
    text = await make().generate(messages)
    assert isinstance(text, str), f"generate() gave {type(text).__name__}, not str"
    # An assistant makes a Message of it, which must not be empty.
    assert text.strip(), "generate() gave no text; raise an LLMError instead"
    assert messages == before, "generate() changed the messages"
    text = await make().generate(messages, temperature=0.5, max_tokens=100)
    assert text.strip(), "generate(..., temperature=0.5, max_tokens=100) gave no text"


async def check_stream(make: MakeProvider) -> None:
    """``stream()`` gives the text of ``generate()`` in pieces."""
    whole = await make().generate(_conversation())
    stream = _stream(make(), _conversation())
    if inspect.iscoroutine(stream):
        stream.close()
        raise AssertionError("stream() is a coroutine; it must be an async generator")
    pieces = [piece async for piece in stream]
    assert all(isinstance(piece, str) for piece in pieces), "a piece of stream() is no str"
    text = "".join(pieces)
    assert text == whole, f"stream() gave {text!r}, generate() gave {whole!r}"


async def check_stream_left_early(make: MakeProvider) -> None:
    """A reader may leave a stream, and the provider goes on working."""
    provider = make()
    async with aclosing(_stream(provider, _conversation())) as stream:
        await anext(stream)
    assert await provider.generate(_conversation())


async def check_many_at_once(make: MakeProvider) -> None:
    """One provider serves several tasks."""
    provider = make()
    plain = asyncio.gather(*(provider.generate(_conversation()) for _ in range(3)))
    streams = asyncio.gather(*(_streamed(provider, _conversation()) for _ in range(3)))
    texts = {*await plain, *map("".join, await streams)}
    assert len(texts) == 1, f"calls at the same time gave different texts: {sorted(texts)}"


async def check_system_prompt(make: MakeProvider) -> None:
    """A system prompt that is set is kept."""
    provider = make()
    provider.set_system_prompt("You are Bruno.")
    await provider.generate(_conversation())
    kept = provider.get_system_prompt()
    assert kept == "You are Bruno.", f"get_system_prompt() gave {kept!r} after it was set"


async def check_token_count(make: MakeProvider) -> None:
    """Tokens are whole numbers that grow with the text."""
    provider = make()
    short, long = (provider.get_token_count(text) for text in ("Hello", "Hello there, Oslo! " * 20))
    assert isinstance(short, int), f"get_token_count() gave {type(short).__name__}, not int"
    assert 0 < short < long, f"{short} tokens for a word, {long} for sixty"
    assert provider.get_token_count("") >= 0


async def check_information(make: MakeProvider) -> None:
    """The connection, the models and the model's facts are told in the right types."""
    provider = make()
    connected = await provider.check_connection()
    assert isinstance(connected, bool), f"check_connection() gave {connected!r}"
    models = await models_of(provider)
    assert isinstance(models, list), f"list_models() gave {models!r}"
    assert all(isinstance(model, str) for model in models), f"list_models() gave {models!r}"
    info = provider.get_model_info()
    assert isinstance(info, dict), f"get_model_info() gave {info!r}"
    assert "model" in info, f"get_model_info() does not tell the model: {info!r}"


async def check_errors(make: MakeProvider) -> None:
    """What cannot be answered is an ``LLMError``, plain and streamed."""
    for name, call in (
        ("generate", lambda provider: provider.generate([])),
        ("stream", lambda provider: _streamed(provider, [])),
    ):
        try:
            await call(make())
        except LLMError:
            continue
        except Exception as error:
            raise AssertionError(
                f"{name}() of no messages raised {error!r}, which is no LLMError"
            ) from error
        raise AssertionError(f"{name}() of no messages must raise an LLMError")


CONTRACT: tuple[ContractCheck, ...] = (
    check_signatures,
    check_no_arguments,
    check_generate,
    check_stream,
    check_stream_left_early,
    check_many_at_once,
    check_system_prompt,
    check_token_count,
    check_information,
    check_errors,
)
"""Every check, to be run one by one with ``pytest.mark.parametrize``."""


async def check_provider(make: MakeProvider) -> None:
    """Run every check and tell all that is wrong.

    Args:
        make: Makes a provider that is ready to answer. It is called several times.

    Raises:
        AssertionError: A check failed; a line for each.
    """
    failures = []
    for check in CONTRACT:
        try:
            await check(make)
        except Exception as error:  # whatever a provider raises, the other checks run too
            # pytest adds lines of its own to the text of an assertion.
            reason = str(error).partition("\n")[0] or repr(error)
            failures.append(f"{check.__name__}: {reason}")
    if failures:
        raise AssertionError("\n".join(["the provider breaks the contract:", *failures]))
