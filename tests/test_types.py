"""What editors and type checkers see of the package, by asking two type checkers."""

from __future__ import annotations

import ast
import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import bruno_llm
from bruno_llm import ClaudeProvider, GeminiProvider, LiteLLMProvider, OllamaProvider
from bruno_llm import OpenAIProvider as OpenAI
from bruno_llm.options.arguments import (
    FactorySettings,
    ProviderSettings,
)
from bruno_llm.options.call import (
    CallOptions,
    ClaudeOptions,
    GeminiOptions,
    MistralOptions,
    NamedOptions,
    OllamaOptions,
    OpenAIOptions,
    ProviderOptions,
    names_of,
)
from bruno_llm.options.params import CHAT_PARAMS, PER_CALL
from bruno_llm.providers.claude import ClaudeSettings
from bruno_llm.providers.gemini import GeminiSettings
from bruno_llm.providers.mistral import MistralProvider, MistralSettings
from bruno_llm.providers.ollama import OllamaSettings
from bruno_llm.providers.openai import OpenAISettings

HERE = Path(__file__).parent
ROOT = HERE.parent
RIGHT = HERE / "typed" / "right.py"
MISTAKES = HERE / "typed" / "mistakes.py"


def imports_under_type_checking() -> dict[str, str]:
    """Name -> module, as ``bruno_llm/__init__.py`` shows them to type checkers."""
    source = Path(bruno_llm.__file__).read_text("utf-8")
    (block,) = (
        node
        for node in ast.parse(source).body
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    )
    return {
        alias.asname or alias.name: str(node.module)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


def test_type_checkers_are_shown_what_is_there() -> None:
    home_of = {name: home for home, names in bruno_llm._HOMES.items() for name in names}
    assert imports_under_type_checking() == home_of
    assert set(bruno_llm.__all__) == {*home_of, "__version__"}


def test_the_file_for_type_checkers_uses_every_public_name() -> None:
    used = set(re.findall(r"\w+", RIGHT.read_text("utf-8")))
    assert set(bruno_llm.__all__) - used == set()


@pytest.mark.parametrize(
    ("provider", "options", "settings"),
    [
        (OpenAI, OpenAIOptions, OpenAISettings),
        (ClaudeProvider, ClaudeOptions, ClaudeSettings),
        (GeminiProvider, GeminiOptions, GeminiSettings),
        (MistralProvider, MistralOptions, MistralSettings),
        (OllamaProvider, OllamaOptions, OllamaSettings),
    ],
)
def test_what_is_typed_is_what_is_taken(
    provider: type[LiteLLMProvider], options: type, settings: type
) -> None:
    assert provider._allowed_params() == CHAT_PARAMS | names_of(options)
    assert names_of(settings) == names_of(ProviderSettings) | provider._allowed_params()
    assert names_of(options) < names_of(NamedOptions) < names_of(ProviderOptions)
    values = {"temperature": 0.5, "max_tokens": 5, "base_url": "http://x", "timeout": 3.0}
    provider("x", **(dict.fromkeys(names_of(settings)) | values))


def test_a_call_takes_the_options_and_what_is_of_one_call() -> None:
    assert names_of(CallOptions) == names_of(ProviderOptions) | PER_CALL
    assert names_of(FactorySettings) > names_of(ProviderSettings) | names_of(NamedOptions)


# --- the type checkers ------------------------------------------------------------------------


def mypy(*files: Path) -> set[tuple[str, int]]:
    """File and line of each error."""
    run = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", *map(str, files)],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert run.returncode in (0, 1), run.stderr
    print(run.stdout)
    found = re.findall(r"^(.+?):(\d+): error:", run.stdout, re.MULTILINE)
    return {(Path(file).name, int(line)) for file, line in found}


def pyright(folder: Path, *files: Path) -> set[tuple[str, int]]:
    """File and line of each error, as pyright's ordinary mode finds them."""
    if importlib.util.find_spec("basedpyright") is None:
        pytest.skip("basedpyright is not installed: pip install 'bruno-llm[dev]'")
    settings = folder / "pyrightconfig.json"
    settings.write_text(
        json.dumps(
            {
                "typeCheckingMode": "standard",
                "include": [str(file) for file in files],
                "extraPaths": [str(ROOT)],
            }
        )
    )
    run = subprocess.run(
        [
            *(sys.executable, "-m", "basedpyright", "--outputjson"),
            *("--pythonpath", sys.executable, "--project", str(settings)),
        ],
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert run.returncode in (0, 1), run.stderr + run.stdout
    print(run.stdout)
    return {
        (Path(one["file"]).name, one["range"]["start"]["line"] + 1)
        for one in json.loads(run.stdout)["generalDiagnostics"]
        if one["severity"] == "error"
    }


def mistakes() -> set[tuple[str, int]]:
    lines: set[int] = set()
    wrong = False
    for number, line in enumerate(MISTAKES.read_text("utf-8").splitlines(), 1):
        mark = line.strip()
        wrong = mark == "# mistakes:" or (wrong and mark != "# right:" and "def " not in mark)
        if wrong and mark and not mark.startswith("#"):
            lines.add(number)
    return {(MISTAKES.name, number) for number in lines}


def test_the_marks_are_read() -> None:
    assert len(mistakes()) > 40


@pytest.mark.slow
@pytest.mark.full
@pytest.mark.parametrize("checker", ["mypy", "pyright"])
def test_a_type_checker_accepts_every_name_and_finds_every_mistake(
    checker: str, tmp_path: Path
) -> None:
    if checker == "mypy":
        if importlib.util.find_spec("mypy") is None:
            pytest.skip("mypy is not installed: pip install 'bruno-llm[dev]'")
        found = mypy(RIGHT, MISTAKES)
    else:
        found = pyright(tmp_path, RIGHT, MISTAKES)
    assert found == mistakes()
