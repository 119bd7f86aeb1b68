"""The bytes of a configuration file and the values in them, within bounds.

A file may be anything: a pipe that nobody writes to, a device without end, a text that is small
and stands for a billion values. None of them may hang, fill the memory or end in an error of
Python's own.
"""

from __future__ import annotations

import json
import os
import stat
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from bruno_llm._runtime.files import read_regular
from bruno_llm._runtime.log import get_logger
from bruno_llm.exceptions import ConfigurationError

__all__ = ["parse"]

logger = get_logger(__name__)

# Far above every file of settings; PyYAML takes a second for so much.
_MOST_BYTES = 256 * 1024
_MOST_VALUES = 10_000
_DEEPEST = 32

_TOO_LARGE = f"holds more than {_MOST_VALUES:,} values"
_TOO_DEEP = f"is nested deeper than {_DEEPEST} levels"


def parse(file: Path) -> Any:
    """The value that a file holds, read as the ending of its name says.

    Raises:
        ConfigurationError: It is no regular file, not readable, not of a known format, or too
            large. The message names the place, never what stands there.
    """
    reader = _READERS.get(file.suffix.lower())
    if reader is None:
        raise ConfigurationError(
            f"{file} is not a configuration file; its name must end in {', '.join(_READERS)}"
        )
    # Errors are raised after the handlers: what a parser keeps of the file may hold a key.
    problem = ""
    try:
        text = _text(file)
    except UnicodeDecodeError:
        problem = "is not UTF-8 text"
    except OSError as error:
        problem = f"cannot be read: {error.strerror or type(error).__name__}"
    if not problem:
        try:
            value, problem = reader(text)
        except RecursionError:
            problem = _TOO_DEEP
    problem = problem or _beyond_bounds(value, _children)
    if problem:
        raise ConfigurationError(f"{file} {problem}")
    return value


def _text(file: Path) -> str:
    content, found = read_regular(file, _MOST_BYTES)
    if os.name == "posix" and found.st_mode & stat.S_IWOTH:
        # Whoever writes a base_url into it is sent the key.
        logger.warning(
            "config_file_writable_by_everybody", path=str(file), hint=f"chmod o-w {file.name}"
        )
    return content.decode("utf-8")


def _beyond_bounds(root: Any, children: Callable[[Any], Any]) -> str:
    """What is too much about a value, counting what stands in several places in each of them."""
    left, waiting = _MOST_VALUES, [(root, 0)]
    while waiting:
        value, depth = waiting.pop()
        left -= 1
        if depth > _DEEPEST:
            return _TOO_DEEP
        inner = children(value)
        if left < len(inner):
            return _TOO_LARGE
        waiting.extend((one, depth + 1) for one in inner)
    return ""


def _children(value: Any) -> Any:
    if isinstance(value, Mapping):
        return value.values()
    return value if isinstance(value, list | tuple | set | frozenset) else ()


def _read_toml(text: str) -> tuple[Any, str]:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        return tomllib.loads(text), ""
    except tomllib.TOMLDecodeError as error:
        at = str(error).rpartition("(at ")[2].rstrip(")")
        return None, f"is not valid TOML at {at or 'some line'}"
    except ValueError:  # a number of more digits than Python reads
        return None, "is not valid TOML: a number is too long"


def _read_yaml(text: str) -> tuple[Any, str]:
    import yaml

    try:
        loader = yaml.SafeLoader(text)
        # Counted before it is built: merging keys (`<<`) copies what an alias stands for.
        root = loader.get_single_node()
        if problem := _beyond_bounds(root, _inner_nodes):
            return None, problem
        return (loader.construct_document(root) if root else None) or {}, ""
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        at = f"line {mark.line + 1}, column {mark.column + 1}" if mark else "some line"
        return None, f"is not valid YAML at {at}"
    except (yaml.YAMLError, ValueError):
        # A date that does not exist is a ValueError of Python's own.
        return None, "is not valid YAML"


def _inner_nodes(node: Any) -> Any:
    inner = getattr(node, "value", None)
    if not isinstance(inner, list):
        return ()
    return [one for part in inner for one in (part if isinstance(part, tuple) else (part,))]


def _read_json(text: str) -> tuple[Any, str]:
    try:
        return json.loads(text), ""
    except json.JSONDecodeError as error:
        return None, f"is not valid JSON at line {error.lineno}, column {error.colno}"
    except ValueError:  # a number of more digits than Python reads
        return None, "is not valid JSON: a number is too long"


_READERS: dict[str, Callable[[str], tuple[Any, str]]] = {
    ".toml": _read_toml,
    ".yaml": _read_yaml,
    ".yml": _read_yaml,
    ".json": _read_json,
}
