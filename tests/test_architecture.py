"""The package's own rules, read from its source and from fresh interpreters."""

from __future__ import annotations

import ast
import functools
import importlib.util
import re
import subprocess
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import bruno_llm
from bruno_llm.factory.named import BUILTIN
from bruno_llm.vendors.registry import vendors

ROOT = Path(bruno_llm.__file__).parent
MODULES = sorted(
    ".".join(("bruno_llm", *path.relative_to(ROOT).with_suffix("").parts)).removesuffix(".__init__")
    for path in ROOT.rglob("*.py")
)
# Each takes a tenth of what bruno-core's interfaces take, or more; a provider's class needs none.
COSTLY = "httpx click rich structlog yaml dotenv jinja2 sqlite3 http.client email.parser"
NAMED = ("claude", "gemini", "mistral", "ollama", "openai")

# The rooms, from the bottom up: a module may import what is in its own room and in the rooms on
# the lines before, also inside a function.
LAYERS = (
    {"_former", "_runtime"},
    {"_version", "_clock", "exceptions", "completion", "capabilities", "tokens"},
    {"options", "redaction", "schema"},
    {"logs", "messages", "policies", "demo"},
    {"chat", "costs", "keys", "wire"},
    {"_litellm", "errors", "tools"},
    {"ready", "vendors", "rate_limit", "structured"},
    {"call", "config"},
    {"provider", "embeddings"},
    {"providers", "fallback", "testing"},
    {"factory"},
    {"cli"},
    {"compat"},
    {"base", "embedding_factory"},
)
LAYER_OF = {room: place for place, rooms in enumerate(LAYERS) for room in rooms}


@functools.cache
def tree(module: str) -> ast.Module:
    path = ROOT.joinpath(*module.split(".")[1:])
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return ast.parse(file.read_text("utf-8"), str(file))


@functools.cache
def imported(module: str, *, at_import: bool) -> frozenset[str]:
    return frozenset(_imported(module, at_import))


def _imported(module: str, at_import: bool) -> Iterator[str]:
    """What a module imports; with ``at_import`` only what happens when it is imported itself."""
    skipped: set[ast.AST] = set()
    for node in ast.walk(tree(module)):
        if node in skipped:
            continue
        lazy = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        typing_only = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        if (lazy and at_import) or typing_only:
            skipped.update(child for child in ast.walk(node) if child is not node)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.module is not None
            assert node.level == 0, f"{module} has a relative import"
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield whole if whole in MODULES else node.module


def own(module: str, *, at_import: bool) -> set[str]:
    found = {name for name in imported(module, at_import=at_import) if name in MODULES}
    return found - {module, "bruno_llm"}


def room(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


def test_every_room_has_its_layer() -> None:
    assert {room(module) for module in MODULES} - {""} == set(LAYER_OF)


@pytest.mark.parametrize("page", ["docs/architecture.md", "CONTRIBUTING.md"])
def test_the_files_that_a_page_names_are_there(page: str) -> None:
    """``call/send.py`` of the package, ``tests/size.py`` of the tree, ``wire.py`` of any room."""
    text = re.sub(
        r"<\w+>", "*", (ROOT.parent / page).read_text("utf-8").partition("\n`bruno_llm/")[0]
    )
    named = re.findall(
        r"(?<![\w/.-])(?!http)([\w*-]+(?:/[\w*.-]+)*\.py|[\w*]+(?:/[\w*]+)*/)(?![\w/])", text
    )
    assert len(named) > 5
    for name in named:
        wanted = name if "/" in name else f"**/{name}"
        assert any(any(root.glob(wanted)) for root in (ROOT, ROOT.parent)), name


def test_few_modules_lie_beside_the_rooms() -> None:
    """A newcomer reads one list of names; what belongs together has a room."""
    assert len(list(ROOT.glob("*.py"))) <= 14


def test_a_file_can_be_read_at_once() -> None:
    long = {path.name: len(path.read_text("utf-8").splitlines()) for path in ROOT.rglob("*.py")}
    assert {name: lines for name, lines in long.items() if lines > 400} == {}


def test_every_room_stands_in_the_page_on_architecture() -> None:
    page = (ROOT.parent / "docs" / "architecture.md").read_text("utf-8")
    rows = "".join(line for line in page.splitlines() if line.startswith("| `"))
    assert {name for name in LAYER_OF if f"`{name}`" not in rows} == set()


def test_imports_run_downwards() -> None:
    upwards = [
        f"{module} imports {name}, which does not stand below it"
        for module in MODULES
        if room(module)  # the package itself: names of all rooms, found when they are used
        for name in own(module, at_import=False)
        if room(name) != room(module) and LAYER_OF[room(name)] >= LAYER_OF[room(module)]
    ]
    assert upwards == []


def test_no_module_needs_itself() -> None:
    """Not even by an import inside a function."""
    graph = {module: own(module, at_import=False) for module in MODULES}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"a cycle of imports: {' -> '.join(error.args[1])}")


def test_litellm_has_one_door() -> None:
    users = {
        module
        for module in MODULES
        if any(name.split(".")[0] == "litellm" for name in imported(module, at_import=False))
    }
    assert {room(module) for module in users} == {"_litellm"}


def test_optional_and_heavy_packages_are_imported_late() -> None:
    heavy = {"litellm", "openai", "tiktoken", "redis", "sqlalchemy", "psycopg", "keyring", "yaml"}
    heavy |= {"jinja2", "vcr", "xllamacpp", "gguf", "numpy", "opentelemetry", "mcp", "mcp_types"}
    late = {  # themselves imported late
        "bruno_llm.testing.cassettes._vcr": {"vcr", "yaml"},
        "bruno_llm.rate_limit.shared": {"redis"},
    }
    for module in MODULES:
        now = {name.split(".")[0] for name in imported(module, at_import=True)}
        assert now & (heavy - late.get(module, set())) == set(), module


# Who may call a vendor by name, beside its folders and its named class.
SAY_VENDORS = {
    "_litellm.routes",  # litellm's routes, whether or not the vendor is one of ours
    "vendors.routes",
    "factory.named",  # a row a vendor: its name
    "embeddings.named",
    "cli._choice",  # whom the command asks when nobody is named
    *(name.removeprefix("bruno_llm.") for name in MODULES if ".compat" in name),  # of 0.2.0
}


def test_a_vendor_is_called_by_name_in_its_folder_alone() -> None:
    """What is true of it is a field of its ``Vendor``, which others ask."""
    names = {name for vendor in vendors() for name in (vendor.name, *vendor.routes)}
    names = (names | BUILTIN.keys()) - {"", "litellm"}
    for module in MODULES:
        place = module.removeprefix("bruno_llm.")
        own = room(module) in ("providers", "demo") or place.startswith(
            (
                "testing.fake.vendors.",
                *(
                    f"vendors.{folder.name}"
                    for folder in (ROOT / "vendors").iterdir()
                    if folder.is_dir()
                ),
            )
        )
        if own or place in SAY_VENDORS:
            continue
        said = {
            node.value
            for node in ast.walk(tree(module))
            if isinstance(node, ast.Constant) and str(node.value).rstrip("/") in names
        }
        assert said == set(), module


def test_a_fifth_vendor_is_a_folder_and_five_files() -> None:
    """What says Mistral's name at all, beside tables of litellm's names and of 0.2.0's models."""
    besides = {
        place
        for module in MODULES
        if room(module) not in ("_litellm", "compat", "testing")
        and "mistral" in ast.unparse(tree(module)).lower()
        and not (place := module.removeprefix("bruno_llm.")).startswith("vendors.mistral")
    }
    assert besides - {"vendors.routes"} == {
        "bruno_llm",
        "factory.named",
        "options.call",
        "providers.mistral",
        "vendors.registry",
    }


def test_time_is_read_from_the_one_clock() -> None:
    """Otherwise a test could not move it."""
    allowed = {"bruno_llm._clock"}
    for module in MODULES:
        if module in allowed or module.startswith(("bruno_llm.testing.", "bruno_llm.demo.")):
            continue
        for node in ast.walk(tree(module)):
            if not isinstance(node, ast.Call):
                continue
            called = ast.unparse(node.func)
            assert called not in ("time.time", "time.monotonic", "time.sleep"), module
            if called == "asyncio.sleep":
                assert ast.unparse(node.args[0]) == "0", f"{module} sleeps beside the clock"


def test_named_providers_are_declared_not_coded() -> None:
    for module in (
        *(f"bruno_llm.providers.{name}" for name in NAMED),
        "bruno_llm.embeddings.named",
    ):
        for node in ast.walk(tree(module)):
            if isinstance(node, ast.ClassDef):
                functions = [n for n in node.body if isinstance(n, ast.FunctionDef)]
                assert functions == []


@pytest.mark.parametrize(
    ("statement", "absent"),
    [
        ("import bruno_llm", "litellm tiktoken httpx openai yaml redis sqlalchemy"),
        (
            f"import {', '.join(f'bruno_llm.providers.{name}' for name in NAMED)}",
            f"litellm tiktoken openai redis sqlalchemy {COSTLY}",
        ),
        (
            "from bruno_llm import OpenAIProvider; OpenAIProvider('x')",
            f"litellm tiktoken openai {COSTLY}",
        ),
        pytest.param(
            "from bruno_llm import LiteLLMProvider; LiteLLMProvider('groq/x')",
            "litellm tiktoken",
            marks=pytest.mark.full,
        ),
        ("from bruno_llm import *", "litellm tiktoken openai redis sqlalchemy"),
        pytest.param(
            "from bruno_llm import ClaudeProvider; ClaudeProvider().capabilities()",
            "litellm",
            marks=pytest.mark.full,
        ),
        ("import bruno_llm.testing.pytest_plugin", "litellm httpx vcr"),
    ],
)
def test_a_fresh_interpreter_does_not_load(statement: str, absent: str) -> None:
    code = f"import sys; {statement}; print(*sorted(set({absent.split()!r}) & set(sys.modules)))"
    assert interpreter(code).split() == []


@pytest.mark.full
def test_every_module_can_be_imported_alone() -> None:
    """Also where no optional package is there; that one is imported when it is used."""
    needs = {"bruno_llm.testing.cassettes._vcr": "vcr"}
    names = [
        module
        for module in MODULES
        if importlib.util.find_spec(needs.get(module, "sys")) and not module.endswith("__main__")
    ]
    code = (
        "import importlib, sys\n"
        f"for name in {names!r}:\n"
        "    for loaded in [m for m in sys.modules if m.startswith('bruno_llm')]:\n"
        "        del sys.modules[loaded]\n"
        "    importlib.import_module(name)\n"
        "print('litellm' in sys.modules)"
    )
    assert interpreter(code).strip() == "False"


@pytest.mark.slow
def test_importing_costs_little_more_than_bruno_core() -> None:
    """At most 1.3 times, the fastest of several runs of each, taken in turns."""
    ours, theirs = [], []
    for round_ in range(12):
        theirs.append(seconds("bruno_core.interfaces"))
        ours.append(seconds("bruno_llm"))
        if round_ >= 2 and min(ours) <= 1.3 * min(theirs):
            return
    pytest.fail(f"{min(ours):.3f} s for bruno_llm, {min(theirs):.3f} s for bruno_core.interfaces")


def seconds(module: str) -> float:
    code = (
        "import time; began = time.process_time(); "
        f"import {module}; print(time.process_time() - began)"
    )
    return float(interpreter(code))


def interpreter(code: str) -> str:
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert run.returncode == 0, run.stderr
    return run.stdout
