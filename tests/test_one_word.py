"""One word, one thing; and a docstring that says the plain thing first."""

from __future__ import annotations

import ast
import inspect
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import bruno_llm

ROOT = Path(bruno_llm.__file__).parent

# Names that stand for one thing in several modules on purpose, with the reason.
SHARED_TYPES = {
    "CostTracker": "0.2.0 had another of that name, which compat still gives",
    "TokenCounter": "0.2.0 had another of that name, which compat still gives",
}
SHARED_FUNCTIONS = {
    "brings": "what each format says of its events: a function of `Format`",
    "command": "one a file of the command line, found by that name",
    "fit": "what each vendor does with its options: a function of `Vendor`",
    "former_name": "compat's gives names of 0.2.0 by the one in `_former`",
    "main": "where a process begins",
    "note": "what each format keeps of a turn: a function of `TurnFormat`",
    "render": "what a command shows: the same for people ...",
    "text": "what each format says of its events: a function of `Format`",
    "to_dict": "... and for programs",
}


def modules() -> Iterator[tuple[str, ast.Module]]:
    for file in sorted(ROOT.rglob("*.py")):
        name = ".".join(file.relative_to(ROOT).with_suffix("").parts)
        yield name, ast.parse(file.read_text("utf-8"))


def types_of(module: ast.Module) -> Iterator[str]:
    """Classes wherever they stand, and what has the name of one: ``Mode = Literal[...]``."""
    for node in ast.walk(module):
        if isinstance(node, ast.ClassDef):
            yield node.name.lstrip("_")
    for node in module.body:
        targets = node.targets if isinstance(node, ast.Assign) else []
        for target in targets:
            if isinstance(target, ast.Name):
                name = target.id.lstrip("_")
                if len(name) > 1 and name[0].isupper() and not name.isupper():
                    yield name


def functions_of(module: ast.Module) -> Iterator[str]:
    """Those that other modules may use; not what Python itself looks for."""
    for node in module.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name[0] != "_":
            yield node.name


def test_a_type_has_a_name_of_its_own() -> None:
    """Also beside one with an underscore: ``Layer`` and ``_Layer`` are read as one."""
    homes = defaultdict(set)
    for module, tree in modules():
        for name in types_of(tree):
            homes[name].add(module)
    assert {name: found for name, found in homes.items() if len(found) > 1} == {
        name: homes[name] for name in SHARED_TYPES
    }


def test_a_function_has_a_name_of_its_own() -> None:
    homes = defaultdict(set)
    for module, tree in modules():
        for name in functions_of(tree):
            homes[name].add(module)
    assert {name: found for name, found in homes.items() if len(found) > 1} == {
        name: homes[name] for name in SHARED_FUNCTIONS
    }


RIDDLE = re.compile(r"(The (same|opposite|rest)|What (it|they)|It|They|Its)\b(?! as ``)")


def test_a_docstring_does_not_begin_with_what_only_the_rest_explains() -> None:
    """Of modules, of public names and of their public methods."""
    said = {module: ast.get_docstring(tree) or "" for module, tree in modules()}
    for name in bruno_llm.__all__:
        value = getattr(bruno_llm, name)
        members = vars(value) if inspect.isclass(value) else {}
        for place, one in {name: value, **{f"{name}.{n}": m for n, m in members.items()}}.items():
            if not place.rpartition(".")[2].startswith("_"):
                said[place] = getattr(one, "__doc__", None) or ""
    assert {place for place, text in said.items() if RIDDLE.match(text)} == set()
