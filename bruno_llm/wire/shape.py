"""JSON off the wire: whether it is some, and of the types that a vendor documents."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

from pydantic_core import CoreSchema, SchemaValidator, core_schema, from_json

__all__ = ["COUNT", "ShapeCheck", "TokenNumber", "WireShape", "misfit", "read_json"]


def read_json(data: bytes | str) -> Any:
    """The JSON value. Raises ValueError for everything that is none."""
    try:
        return from_json(data)  # three times as fast
    except ValueError:
        pass  # half a surrogate pair, UTF-16, or deeper than it goes
    try:
        return json.loads(data)
    except RecursionError:
        raise ValueError("nested too deeply") from None


_MOST = 1e15


class TokenNumber:
    """A number of tokens: finite and not negative."""

    @staticmethod
    def fits(value: Any) -> bool:
        """Whether it is one; true and false are no numbers."""
        # The bound keeps out infinity, NaN and what no counter can mean.
        return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < _MOST


COUNT = TokenNumber()

WireShape = Any
"""A type, a tuple of types, ``COUNT``, ``[shape]`` for a list, or a mapping of names to shapes."""


class ShapeCheck:
    """A shape that is asked for with each answer and event, compiled when it first is."""

    def __init__(self, shape: WireShape) -> None:
        self._shape = shape

    @cached_property
    def fits(self) -> Callable[..., bool]:
        """Whether a value (with ``strict=True``) fits for sure; of the rest ``misfit`` decides."""
        return SchemaValidator(_schema(self._shape)).isinstance_python


def _schema(shape: WireShape) -> CoreSchema:
    if isinstance(shape, Mapping):
        fields = {
            name: core_schema.typed_dict_field(
                core_schema.nullable_schema(_schema(part)), required=False
            )
            for name, part in shape.items()
        }
        return core_schema.typed_dict_schema(fields)
    if isinstance(shape, list):
        return core_schema.list_schema(_schema(shape[0]))
    if isinstance(shape, tuple):
        return core_schema.union_schema([_schema(one) for one in shape])
    if isinstance(shape, TokenNumber):
        return core_schema.float_schema(allow_inf_nan=False, ge=0, lt=_MOST)
    return core_schema.int_schema() if shape is int else core_schema.is_instance_schema(shape)


def misfit(value: Any, shape: WireShape, name: str = "it") -> str | None:
    """What is wrong, naming the first field that does not fit; ``None`` when all do.

    ``null`` fits everywhere, because vendors send it for a field that is not there, and fields
    that the shape does not name are not looked at, because vendors add them.
    """
    if value is None:
        return None
    if isinstance(shape, Mapping):
        if not isinstance(value, Mapping):
            return f"{name} is not an object"
        found = (misfit(value[key], part, key) for key, part in shape.items() if key in value)
        return next(filter(None, found), None)
    if isinstance(shape, list):
        if not isinstance(value, list):
            return f"{name} is not a list"
        if None in value:
            return f"{name} has nothing at one place"
        return next(filter(None, (misfit(item, shape[0], name) for item in value)), None)
    if isinstance(shape, TokenNumber):
        return None if shape.fits(value) else f"{name} is not a number of tokens"
    # In Python a bool is an int; on the wire it is not.
    fits = isinstance(value, shape) and not (isinstance(value, bool) and shape is int)
    return None if fits else f"{name} has the wrong type"
