"""Types as shapes of answers: their schemas, and how text is read as them."""

from __future__ import annotations

import dataclasses
import datetime
import enum
from typing import Any, Literal

import pytest
from pydantic import BaseModel
from typing_extensions import TypedDict

from bruno_llm import ConfigurationError
from bruno_llm.structured.shape import Misfit, Shape


class Mood(enum.Enum):
    good = "good"
    bad = "bad"


class City(BaseModel):
    name: str
    people: int = 0
    twin: str | None = None


class Country(BaseModel):
    capital: City
    others: list[City] = []
    mood: Mood = Mood.good


class Node(BaseModel):
    value: int
    children: list[Node] = []


@dataclasses.dataclass
class Point:
    x: float
    y: float


class Stay(TypedDict):
    day: datetime.date


@pytest.mark.parametrize(
    ("type_", "text", "value"),
    [
        (City, '{"name": "Oslo"}', City(name="Oslo")),
        (
            Country,
            '{"capital": {"name": "Oslo"}, "mood": "bad"}',
            Country(capital=City(name="Oslo"), mood=Mood.bad),
        ),
        (
            Node,
            '{"value": 1, "children": [{"value": 2, "children": []}]}',
            Node(value=1, children=[Node(value=2)]),
        ),
        (Point, '{"x": 1, "y": 2.5}', Point(1.0, 2.5)),
        (Stay, '{"day": "2026-11-21"}', {"day": datetime.date(2026, 11, 21)}),
        (list[int], '{"value": [1, 2]}', [1, 2]),
        (int | str, '{"value": "x"}', "x"),
        (Literal["a", "b"], '{"value": "b"}', "b"),
        (Mood, '{"value": "bad"}', Mood.bad),
        (datetime.date, '{"value": "2026-11-21"}', datetime.date(2026, 11, 21)),
        (dict[str, int], '{"value": {"a": 1}}', {"a": 1}),
        ({"type": "object", "properties": {"a": {"type": "integer"}}}, '{"a": 1}', {"a": 1}),
    ],
)
def test_a_type_its_schema_and_a_value(type_: Any, text: str, value: Any) -> None:
    shape: Shape[Any] = Shape(type_)
    assert shape.schema["type"] == "object" and shape.schema["properties"]
    assert shape.read(text) == value


@pytest.mark.parametrize(
    "text",
    [
        '```json\n{"name": "Oslo"}\n```',
        'Here it is:\n```\n{"name": "Oslo"}\n```\nAnything else?',
        'Sure! {"name": "Oslo"} is the answer.',
    ],
)
def test_fences_and_words_around_are_left_out(text: str) -> None:
    assert Shape(City).read(text) == City(name="Oslo")


def test_null_stands_for_a_field_that_was_left_out() -> None:
    assert Shape(City).read('{"name": "Oslo", "people": null, "twin": null}') == City(name="Oslo")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("no idea", "no JSON object"),
        ("[1]", "no JSON object: it is not an object"),
        ('{"people": 5}', "name: Field required"),
        ('{"name": "Oslo", "people": "many"}', "people: Input should be a valid integer"),
    ],
)
def test_what_does_not_fit_is_said_without_repeating_it(text: str, words: str) -> None:
    with pytest.raises(Misfit) as caught:
        Shape(City).read(text)
    assert words in str(caught.value)
    assert "many" not in str(caught.value) and "many" not in str(caught.value.errors)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("{", {}),
        ('{"name": "Os', {}),
        ('{"name": "Oslo"', {"name": "Oslo"}),
        ('{"name": "Oslo", "peo', {"name": "Oslo"}),
        ('{"name": "Oslo", "people": 70', {"name": "Oslo"}),
        ('{"name": "Oslo", "people": 700}', {"name": "Oslo", "people": 700}),
    ],
)
def test_only_what_is_closed_is_shown(text: str, value: Any) -> None:
    assert Shape(City).partial(text) == value


def test_what_has_no_schema_is_refused() -> None:
    class Opaque:
        pass

    with pytest.raises(ConfigurationError, match="Opaque has no JSON schema"):
        Shape(Opaque)
    with pytest.raises(ConfigurationError, match="must be that of an object"):
        Shape({"type": "string"})
