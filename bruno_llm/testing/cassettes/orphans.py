"""Cassettes whose test is gone."""

from __future__ import annotations

import ast
from pathlib import Path


def find_orphans(cassettes: Path, *tests: Path) -> list[Path]:
    """Cassettes whose test is gone: ``<module>/<test>.yaml`` without that test in that module.

    Args:
        cassettes: The directory of the cassettes.
        tests: The directories of the tests; modules are looked for at any depth.
    """
    modules = {path.stem: path for directory in tests for path in directory.rglob("test_*.py")}
    orphans = []
    for directory in sorted({path.parent for path in cassettes.rglob("*.yaml")}):
        module = modules.get(directory.name)
        names = _test_names(module) if module else ()
        orphans += [
            path
            for path in sorted(directory.glob("*.yaml"))
            if path.stem.partition("[")[0] not in names
        ]
    return orphans


def _test_names(module: Path) -> set[str]:
    """``test_x`` and ``TestClass.test_y`` of a module."""
    function = (ast.FunctionDef, ast.AsyncFunctionDef)
    names = set()
    for node in ast.parse(module.read_text("utf-8")).body:
        if isinstance(node, ast.ClassDef):
            names |= {f"{node.name}.{one.name}" for one in node.body if isinstance(one, function)}
        elif isinstance(node, function):
            names.add(node.name)
    return names
