"""References replaced by what they point to, for vendors that do not follow them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bruno_llm.schema.walk import Schema, resolved

__all__ = ["inlined"]

_DEFS = ("$defs", "definitions")
# Definitions that use others several times grow with each level.
_MOST = 20_000


def inlined(schema: Schema, *, cut: bool = False, bare: bool = True) -> dict[str, Any]:
    """The schema without references, but for those of a definition to itself.

    What stands beside a reference (a description, a default) is kept. A schema that would grow
    beyond all measure stays as it is.

    Args:
        schema: Of an object.
        cut: Let a definition that contains itself end there in an open object; else the inner
            reference stays, alone, with its definition in ``$defs``.
        bare: Also those references beside which nothing is said.
    """
    try:
        return _Inliner(schema, cut, bare).done()
    except OverflowError:
        return dict(schema)


class _Inliner:
    def __init__(self, root: Schema, cut: bool, bare: bool) -> None:
        self._root = root
        self._cut = cut
        self._bare = bare
        self._left = _MOST
        self._kept: dict[str, Any] = {}

    def done(self) -> dict[str, Any]:
        made: dict[str, Any] = self._expanded(
            {word: value for word, value in self._root.items() if word not in _DEFS}, ()
        )
        if self._kept:
            made["$defs"] = self._kept
        return made

    def _expanded(self, schema: Any, inside: tuple[str, ...]) -> Any:
        self._left -= 1
        if self._left < 0:
            raise OverflowError
        if isinstance(schema, list):
            return [self._expanded(part, inside) for part in schema]
        if not isinstance(schema, Mapping):
            return schema
        ref = schema.get("$ref")
        target = resolved(self._root, ref)
        if target is None:
            return self._parts(schema, inside)
        beside = {word: value for word, value in schema.items() if word != "$ref"}
        if ref in inside and self._cut:
            return {"type": "object", **beside}
        if ref in inside or not (self._bare or beside.keys() - {"default"}):
            return {"$ref": f"#/$defs/{self._name(str(ref), target)}"}
        plain = {word: value for word, value in target.items() if word not in _DEFS}
        return {**self._expanded(plain, (*inside, str(ref))), **self._parts(beside, inside)}

    def _parts(self, schema: Schema, inside: tuple[str, ...]) -> dict[str, Any]:
        # Only what holds schemas is entered: a default may look like one.
        made: dict[str, Any] = dict(schema)
        for word, value in schema.items():
            if word in ("properties", "patternProperties", "dependentSchemas") and isinstance(
                value, Mapping
            ):
                made[word] = {name: self._expanded(part, inside) for name, part in value.items()}
            elif word not in ("default", "enum", "const", "examples", "required"):
                made[word] = self._expanded(value, inside)
        return made

    def _name(self, ref: str, target: Schema) -> str:
        name = ref.rpartition("/")[2] if ref != "#" else "root"
        if name not in self._kept:
            self._kept[name] = {}
            plain = {word: value for word, value in target.items() if word not in _DEFS}
            self._kept[name] = self._expanded(plain, (ref,))
        return name
