"""Tools from functions and schemas: what a model is told of them, and what is refused."""

from __future__ import annotations

import datetime
import enum
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field
from typing_extensions import TypedDict

from bruno_llm import ConfigurationError, InvalidRequestError
from bruno_llm.tools import Tool, ToolError, tool
from bruno_llm.tools.definition import as_tools, tool_dicts


class Unit(str, enum.Enum):
    celsius = "celsius"
    fahrenheit = "fahrenheit"


class Place(BaseModel):
    city: str
    country: str = "NO"


class Window(TypedDict):
    start: datetime.date
    days: int


def forecast(
    place: Place,
    days: Annotated[int, Field(ge=1, le=7)] = 1,
    unit: Unit = Unit.celsius,
    detail: Literal["short", "long"] | None = None,
    tags: list[str] = [],  # noqa: B006  a default as people write it
    extra: dict[str, float] | None = None,
) -> str:
    """The weather of the next days.

    Asks the weather service.

    Args:
        place: Where.
        days: How many days.
        unit: Of the temperatures.
        detail: How much to say.
    """
    return f"{place.city} {days} {unit.value} {detail} {tags} {extra}"


def test_the_schema_comes_from_hints_and_docstring() -> None:
    made = Tool.from_function(forecast)
    assert made.name == "forecast"
    assert made.description == "The weather of the next days.\n\nAsks the weather service."
    properties = made.parameters["properties"]
    assert made.parameters["type"] == "object"
    assert made.parameters["required"] == ["place"]
    assert made.parameters["additionalProperties"] is False
    assert properties["days"] == {
        "type": "integer",
        "minimum": 1,
        "maximum": 7,
        "default": 1,
        "description": "How many days.",
    }
    assert made.parameters["$defs"]["Unit"]["enum"] == ["celsius", "fahrenheit"]
    assert "title" not in str(made.parameters)


def test_arguments_are_read_as_the_function_takes_them() -> None:
    made = Tool.from_function(forecast)
    read = made.read({"place": {"city": "Oslo"}, "days": "3", "unit": "fahrenheit"})
    assert forecast(**read) == "Oslo 3 fahrenheit None [] None"


def test_a_typed_dict_with_a_date() -> None:
    def book(window: Window) -> str:
        """Book a stay."""
        return f"{window['start']:%d.%m.} {window['days']}"

    made = Tool.from_function(book)
    read = made.read({"window": {"start": "2026-11-21", "days": 2}})
    assert book(**read) == "21.11. 2"


def test_wrong_arguments_are_said_in_pydantics_words() -> None:
    with pytest.raises(ToolError, match=r"place: Field required; days: .*less than or equal to 7"):
        Tool.from_function(forecast).read({"days": 9})
    with pytest.raises(ToolError, match="nonsense: Extra inputs"):
        Tool.from_function(forecast).read({"place": {"city": "Oslo"}, "nonsense": 1})


def test_the_decorator_in_both_forms() -> None:
    @tool
    def one() -> str:
        """First."""
        return "1"

    @tool(name="second", timeout=2, approve=True, sequential=True)
    async def two(x: int) -> int:
        """Second."""
        return x

    assert isinstance(one, Tool) and one.name == "one" and not one.is_async
    assert (two.name, two.timeout, two.approve, two.sequential) == ("second", 2, True, True)
    assert two.is_async


def test_bound_methods_and_objects_are_functions_too() -> None:
    class Counter:
        def add(self, n: int) -> int:
            """Add."""
            return n

        async def __call__(self, n: int) -> int:
            """Call."""
            return n

    assert list(Tool.from_function(Counter().add).parameters["properties"]) == ["n"]
    made = Tool.from_function(Counter(), name="count")
    assert made.is_async and list(made.parameters["properties"]) == ["n"]


def test_what_is_missing_is_said_at_definition() -> None:
    def silent(x: int) -> int:
        return x

    def untyped(x) -> int:  # type: ignore[no-untyped-def]
        """Has words."""
        return int(x)

    def many(*xs: int) -> int:
        """Has words."""
        return sum(xs)

    class Opaque:
        pass

    def strange(x: Opaque) -> None:
        """Has words."""

    for function, words in (
        (silent, "'silent' has no description"),
        (untyped, "parameter 'x' has no type"),
        (many, r"cannot fill \*xs"),
    ):
        with pytest.raises(ConfigurationError, match=words):
            Tool.from_function(function)
    with pytest.raises(ConfigurationError, match="'strange': a "):
        Tool.from_function(strange)


@pytest.mark.parametrize("name", ["", " ", None])
def test_a_tool_needs_a_name(name: Any) -> None:
    with pytest.raises(ConfigurationError, match="needs a name"):
        Tool(name, "d", {"type": "object"})


def test_a_schema_must_be_that_of_an_object() -> None:
    with pytest.raises(ConfigurationError, match="type 'object'"):
        Tool.from_schema("x", "d", {"type": "string"})
    made = Tool.from_schema("x", "d", {"type": "object", "properties": {}}, call=print)
    assert made.to_dict()["function"]["name"] == "x"


def test_a_list_of_tools_functions_and_dicts() -> None:
    search = {"type": "web_search"}
    raw = {"type": "function", "function": {"name": "f", "description": "d", "parameters": {}}}
    sent = tool_dicts([forecast, Tool.from_schema("x", "d", {"type": "object"}), search, raw])
    assert [one.get("function", {}).get("name") for one in sent] == ["forecast", "x", None, "f"]
    assert sent[2] is search and sent[3] is raw
    assert [one.name for one in as_tools([forecast, search])] == ["forecast"]


@pytest.mark.parametrize("tools", ["forecast", {"a": 1}, 5, [5]])
def test_what_is_no_list_of_tools_is_refused(tools: Any) -> None:
    with pytest.raises(InvalidRequestError, match="tool"):
        as_tools(tools)


def test_two_of_one_name_and_one_that_nobody_runs_are_refused() -> None:
    with pytest.raises(InvalidRequestError, match="two tools are called 'forecast'"):
        as_tools([forecast, forecast])
    with pytest.raises(ConfigurationError, match="'x' has no function to run"):
        as_tools([Tool.from_schema("x", "d", {"type": "object"})])
