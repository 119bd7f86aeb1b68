"""What in a schema some vendor cannot say: where it is, as the names of fields."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from bruno_llm.schema.walk import Path, Schema, resolved, subschemas

__all__ = ["bare_cycle", "cycle", "open_object", "untyped", "using"]


_TYPED = {"type", "anyOf", "oneOf", "allOf", "$ref", "enum", "const", "not", "if", "properties"}


def open_object(schema: Schema) -> Path | None:
    """The first object whose fields have no names of their own, such as ``dict[str, int]``."""
    return next((path for path, part in _parts(schema) if _is_open(part)), None)


def using(schema: Schema, word: str) -> Path | None:
    """The first place with this word, such as the ``prefixItems`` of ``tuple[int, str]``."""
    return next((path for path, part in _parts(schema) if word in part), None)


def untyped(schema: Schema) -> Path | None:
    """The first value that may be anything, such as ``Any``."""
    return next((path for path, part in _parts(schema) if not _TYPED & part.keys()), None)


def cycle(schema: Schema) -> Path | None:
    """The first field by which a definition contains itself."""
    return _cycle(schema, lambda parent, name: True)


def bare_cycle(schema: Schema) -> Path | None:
    """The first such field that cannot be left out anywhere on its way."""
    return _cycle(schema, lambda parent, name: name in (parent.get("required") or ()))


def _is_open(part: Schema) -> bool:
    kind, more = part.get("type"), part.get("additionalProperties")
    is_object = kind == "object" or (isinstance(kind, list) and "object" in kind)
    if part.get("patternProperties") or (isinstance(more, Mapping) and more):
        return True
    return is_object and "properties" not in part and more is not False and "$ref" not in part


def _step(path: Path, word: str, name: Any) -> Path:
    if word in ("properties", "patternProperties"):
        return (*path, str(name))
    return (*path, "[]") if word in ("items", "prefixItems") else path


def _parts(root: Schema) -> Iterator[tuple[Path, Schema]]:
    """Every schema with its place; a definition once, where it is used first."""
    seen: set[str] = set()

    def found(schema: Any, path: Path) -> Iterator[tuple[Path, Schema]]:
        if schema is True:
            schema = {}
        if not isinstance(schema, Mapping):
            return
        yield path, schema
        ref = schema.get("$ref")
        if isinstance(ref, str) and ref not in seen:
            seen.add(ref)
            yield from found(resolved(root, ref), path)
        for word, name, part in subschemas(schema):
            if word not in ("$defs", "definitions"):
                yield from found(part, _step(path, word, name))

    yield from found(root, ())


def _cycle(root: Schema, follow: Callable[[Schema, Any], bool]) -> Path | None:
    done: set[str] = set()

    def search(schema: Any, path: Path, inside: tuple[Any, ...]) -> Path | None:
        if not isinstance(schema, Mapping):
            return None
        ref = schema.get("$ref")
        target = resolved(root, ref)
        if target is not None:
            # A type that contains itself may stand at the top, beside its own definition.
            if ref in inside or _same(target, root):
                return path
            if ref not in done:
                found = search(target, path, (*inside, ref))
                if found is not None:
                    return found
                done.add(str(ref))
        for word, name, part in subschemas(schema):
            if word in ("$defs", "definitions"):
                continue
            if word == "properties" and not follow(schema, name):
                continue
            found = search(part, _step(path, word, name), inside)
            if found is not None:
                return found
        return None

    return search(root, (), ("#",))


def _same(target: Schema, root: Schema) -> bool:
    names = ("properties", "required")
    return bool(target.get("properties")) and all(target.get(n) == root.get(n) for n in names)
