"""Asking the keyring of the system beside the event loop, once for all who wait for it.

A locked keyring waits for a person, and one whose service is gone for nobody. So each question has
a thread of its own, which the end of the process does not wait for, and everybody who waits for the
answer does so for a limited time.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import suppress
from importlib.util import find_spec

from pydantic import SecretStr

from bruno_llm import _clock
from bruno_llm._runtime.forks import before_and_after_fork, new_lock
from bruno_llm._runtime.log import get_logger
from bruno_llm.exceptions import ConfigurationError
from bruno_llm.policies.timeouts import LimitReached, within

__all__ = [
    "LIMIT",
    "SERVICE",
    "SOON",
    "ask_keyring",
    "ask_keyring_aside",
    "forget",
    "keys_given",
    "said_before",
    "silence",
]

logger = get_logger(__name__)

SERVICE = "bruno-llm"
"""The service under which the keys are kept in the keyring; the account is the provider."""
LIMIT = 120.0
"""Seconds after which a question counts as not answered: time to find and type a password."""
SOON = 3.0
"""Seconds that a check, which is to be quick, waits for it."""
_IMPORT = 10.0

_guard = new_lock()
_answers: dict[str, SecretStr | None] = {}
_under_way: dict[str, _Question] = {}
# Held while keyring is imported: Python's own locks of modules survive no fork.
_importing = threading.RLock()
_held = False


def silence(seconds: float, limit: str | None = None) -> str:
    """What to say of a keyring that did not answer; ``limit`` is the field of ``Timeout``."""
    which = f" (timeout: {limit})" if limit else ""
    return f"the keyring of the system did not answer within {seconds:g} s{which}"


class _Question:
    """One question to the keyring, and everybody who waits for its answer."""

    def __init__(self, account: str) -> None:
        self._account = account
        self._begun = _clock.monotonic()
        self._lock = new_lock()
        self._answered = threading.Event()
        self._found: SecretStr | None = None
        self._waiting: dict[asyncio.Future[None], asyncio.AbstractEventLoop] = {}
        threading.Thread(target=self._ask, name="bruno-llm-keyring", daemon=True).start()

    def answer(self) -> SecretStr | None:
        """Wait in this thread."""
        if not self._answered.wait(max(0.0, self._left)):
            raise ConfigurationError(silence(LIMIT))
        return self._found

    async def answer_aside(self) -> SecretStr | None:
        """Wait on the running event loop."""
        loop = asyncio.get_running_loop()
        woken = loop.create_future()
        with self._lock:
            if self._answered.is_set():
                return self._found
            self._waiting[woken] = loop
        try:
            async with within(None, LIMIT, self._left):
                await woken
        except LimitReached:
            raise ConfigurationError(silence(LIMIT)) from None
        finally:
            with self._lock:
                self._waiting.pop(woken, None)
        return self._found

    @property
    def _left(self) -> float:
        # From the beginning of the question: who comes later does not wait anew for what is silent.
        return LIMIT - (_clock.monotonic() - self._begun)

    def _ask(self) -> None:
        name, found, lasts = self._account, None, True
        try:
            found = _read(name)
        except BaseException as error:  # a backend may raise anything, and all must be told
            # Perhaps locked: it may be open at the next call, so this answer is not remembered.
            lasts = False
            logger.warning("keyring_unavailable", provider=name, error=type(error).__name__)
        with _guard:
            if _under_way.get(name) is self:  # else it was forgotten meanwhile
                del _under_way[name]
                if lasts:
                    _answers[name] = found
        with self._lock:
            self._found = found
            self._answered.set()
            waiting, self._waiting = self._waiting, {}
        for woken, loop in waiting.items():
            with suppress(RuntimeError):  # that loop has ended
                loop.call_soon_threadsafe(_wake, woken)


def _wake(woken: asyncio.Future[None]) -> None:
    if not woken.done():
        woken.set_result(None)


def _read(account: str) -> SecretStr | None:
    with _importing:
        import keyring
        from keyring.errors import NoKeyringError
    try:
        stored = keyring.get_password(SERVICE, account)
    except NoKeyringError:
        return None
    return SecretStr(stored) if stored else None


def _question(account: str) -> _Question | None:
    """The question that is under way or begins now; ``None`` where the answer is known."""
    with _guard:
        if account in _answers:
            return None
        if account not in _under_way:
            if find_spec("keyring") is None:
                _answers[account] = None
                return None
            _under_way[account] = _Question(account)
        return _under_way[account]


def ask_keyring(account: str) -> SecretStr | None:
    """What the keyring has under that name; waits for it in this thread.

    Raises:
        ConfigurationError: It did not answer in time.
    """
    question = _question(account)
    return said_before(account) if question is None else question.answer()


async def ask_keyring_aside(account: str) -> SecretStr | None:
    """What the keyring has under that name; the event loop goes on meanwhile.

    Raises:
        ConfigurationError: It did not answer in time.
    """
    question = _question(account)
    return said_before(account) if question is None else await question.answer_aside()


def said_before(account: str) -> SecretStr | None:
    """What the keyring has said before, asking nobody."""
    return _answers.get(account)


def keys_given() -> Iterator[SecretStr]:
    """Every key that the keyring has given."""
    return (key for key in list(_answers.values()) if key is not None)


def forget(provider: str | None = None) -> None:
    """Ask the keyring again for this provider's key, or for every provider's.

    Also where it has not answered yet: the next call begins a new question.
    """
    with _guard:
        for memory in (_answers, _under_way):
            if provider is None:
                memory.clear()
            else:
                memory.pop(provider.lower(), None)


def _before_fork() -> None:
    global _held
    _held = _importing.acquire(timeout=_IMPORT)


def _after_fork() -> None:
    if _held:
        _importing.release()


def _in_the_child() -> None:
    global _importing
    _importing = threading.RLock()
    _under_way.clear()  # their threads are the parent's


before_and_after_fork(_before_fork, _after_fork, _in_the_child)
