"""bruno-core's errors without the package around them, in fresh interpreters."""

from __future__ import annotations

import subprocess
import sys

import pytest

FULL = pytest.mark.full
OURS = "import sys, bruno_llm.exceptions as ours\n"


def said(code: str) -> str:
    """What a fresh interpreter prints once our errors are there."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", OURS + code],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_our_errors_import_no_more_than_bruno_cores() -> None:
    code = "print(*sorted(m for m in sys.modules if m.startswith(('bruno_core', 'structlog'))))"
    names = "bruno_core bruno_core.__version__ bruno_core.utils bruno_core.utils.exceptions"
    assert said(code) == names


FEW = [
    "from bruno_core.utils import LLMError",
    "from bruno_core.utils import *",
    "import bruno_core.utils as u, importlib; LLMError = importlib.reload(u).LLMError",
]
MORE = [
    "from bruno_core.utils.exceptions import LLMError",
    "import bruno_core.utils; LLMError = bruno_core.utils.LLMError",
    "import bruno_core.utils.exceptions; LLMError = bruno_core.utils.exceptions.LLMError",
    "from bruno_core.utils.logging import get_logger; from bruno_core.utils import LLMError",
    "from bruno_core.base import BaseAssistant; from bruno_core.utils import LLMError",
]


@pytest.mark.parametrize("asked", [*FEW, *(pytest.param(one, marks=FULL) for one in MORE)])
def test_who_asks_the_package_gets_what_it_has(asked: str) -> None:
    code = "from bruno_core.utils import get_logger\nprint(LLMError in ours.LLMError.__mro__)"
    assert said(f"{asked}\n{code}") == "True"


@pytest.mark.parametrize(
    "asked", ["dir(bruno_core.utils)", pytest.param("bruno_core.utils.__all__", marks=FULL)]
)
def test_who_looks_into_it_finds_all_of_it(asked: str) -> None:
    assert said(f"import bruno_core.utils; print('get_logger' in {asked})") == "True"


def test_it_is_a_plain_module_then() -> None:
    code = """
import bruno_core.utils, types
bruno_core.utils.get_logger
print(type(bruno_core.utils) is types.ModuleType, hasattr(bruno_core.utils, "nothing"))
"""
    assert said(code) == "True False"


def test_many_threads_that_ask_at_once_all_get_it() -> None:
    code = """
import threading, bruno_core.utils as utils
start, found = threading.Barrier(8), []

def ask(name):
    start.wait()
    found.append(callable(getattr(utils, name)))

names = ("get_logger", "load_config", "validate_config", "BrunoError") * 2
threads = [threading.Thread(target=ask, args=(name,)) for name in names]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print(found == [True] * 8)
"""
    assert said(code) == "True"


def test_what_breaks_in_it_is_told_each_time() -> None:
    code = """
import bruno_core.utils
sys.modules["structlog"] = None
for _ in range(2):
    try:
        bruno_core.utils.get_logger
    except ImportError as error:
        print(error.name)
del sys.modules["structlog"]
print(bruno_core.utils.get_logger.__name__)
"""
    assert said(code).split() == ["structlog", "structlog", "get_logger"]


def test_where_it_is_there_already_nothing_changes() -> None:
    code = """
for name in [name for name in sys.modules if name.startswith("bruno_")]:
    del sys.modules[name]
import bruno_core.utils, types
import bruno_llm.exceptions as ours
print(type(bruno_core.utils) is types.ModuleType)
print(bruno_core.utils.LLMError in ours.LLMError.__mro__)
"""
    assert said(code).split() == ["True", "True"]
