"""The shape that an answer shall have: a type, its JSON schema, and how text is read as it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Generic, TypeVar, cast

from pydantic import PydanticUserError, TypeAdapter, ValidationError, create_model
from pydantic_core import from_json

from bruno_llm.exceptions import ConfigurationError
from bruno_llm.schema import clean_name, topped, without_nulls
from bruno_llm.tools.signature import Untitled, without_titles

__all__ = ["Misfit", "Shape"]

T = TypeVar("T")
_FENCE = re.compile(r"```[a-zA-Z]*\s*\n(.*?)```", re.DOTALL)
_IN_A_NUMBER = "+-.0123456789eE"


class Misfit(Exception):
    """A text that is not of the shape; ``errors`` are pydantic's, without the input."""

    def __init__(self, errors: list[dict[str, Any]]) -> None:
        super().__init__("; ".join(map(_said, errors)))
        self.errors = errors


class Shape(Generic[T]):
    """Reads answers as one type.

    Args:
        type_: A pydantic model, dataclass, TypedDict, or any type that pydantic adapts; a JSON
            schema of an object gives dicts.

    Raises:
        ConfigurationError: The type has no JSON schema.
    """

    def __init__(self, type_: Any) -> None:
        self._adapter: TypeAdapter[Any] | None = None
        self._wrapped = False
        if isinstance(type_, Mapping):
            if type_.get("type") != "object":
                raise ConfigurationError("a JSON schema for an answer must be that of an object")
            self.name, self.schema = clean_name(str(type_.get("title") or "answer")), dict(type_)
            return
        self.name = clean_name(getattr(type_, "__name__", "") or "answer")
        try:
            self._adapter = TypeAdapter(type_)
            schema = self._schema()
            if schema.get("type") != "object" or "properties" not in schema:
                # The vendors' schema modes want an object with properties at the top.
                wrapper = create_model("answer", value=(type_, ...))
                self._adapter, self._wrapped = TypeAdapter(wrapper), True
                schema = self._schema()
        except (PydanticUserError, NameError) as error:
            why = str(error).splitlines()[0]
            raise ConfigurationError(f"{self.name} has no JSON schema: {why}") from error
        self.schema = schema

    def read(self, text: str) -> T:
        """The value in an answer; fences and words around the JSON are left out.

        Raises:
            Misfit: It is no JSON, or does not fit.
        """
        # Strict mode makes every field required, and null stands for one left out.
        value = without_nulls(self._json_in(text), self.schema)
        if self._adapter is None:
            return cast(T, value)
        try:
            found = self._adapter.validate_python(value)
        except ValidationError as wrong:
            errors = wrong.errors(include_url=False, include_input=False, include_context=False)
            raise Misfit([dict(error) for error in errors]) from None
        return cast(T, found.value if self._wrapped else found)

    def partial(self, text: str) -> Any:
        """What is closed so far of JSON that is still being written, ``None`` before it begins."""
        start = text.find("{")
        if start < 0:
            return None
        # A number is not over before something follows it.
        closed = text[start:].rstrip(_IN_A_NUMBER)
        try:
            value = from_json(closed.encode(), allow_partial=True)
        except ValueError:
            return None
        return value.get("value") if self._wrapped else value

    def _schema(self) -> dict[str, Any]:
        assert self._adapter is not None
        return topped(without_titles(self._adapter.json_schema(schema_generator=Untitled)))

    def _json_in(self, text: str) -> Any:
        fenced = _FENCE.search(text)
        inside = fenced.group(1) if fenced else text
        why = ""
        for one in (inside, inside[inside.find("{") : inside.rfind("}") + 1]):
            try:
                value = from_json(one.strip().encode())
            except ValueError as error:
                why = why or str(error)
                continue
            if isinstance(value, dict):
                return value
            why = "it is not an object"
        raise Misfit([{"loc": (), "type": "json_invalid", "msg": f"no JSON object: {why}"}])


def _said(error: Mapping[str, Any]) -> str:
    where = ".".join(map(str, error["loc"]))
    return f"{where}: {error['msg']}" if where else str(error["msg"])
