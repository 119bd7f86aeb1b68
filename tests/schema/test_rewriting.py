"""Schemas rewritten: references, unions, strict mode, nulls, names."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from pydantic import BaseModel, Field, TypeAdapter

from bruno_llm.schema import (
    Unfit,
    bare_cycle,
    clean_keys,
    clean_names,
    cycle,
    flat,
    inlined,
    open_object,
    response_format,
    strict,
    topped,
    using,
    wider,
    with_plain_patterns,
    without_nulls,
)


class City(BaseModel):
    name: str
    people: int = 0
    twin: str | None = None


class Country(BaseModel):
    capital: City = Field(description="where the government sits")
    others: list[City] = []


class Node(BaseModel):
    value: int
    children: list[Node] = []


class Link(BaseModel):
    before: Link | None


def of(type_: Any) -> dict[str, Any]:
    return topped(TypeAdapter(type_).json_schema())


# --- references -----------------------------------------------------------------------------------


def test_references_are_replaced_with_what_stands_beside_them() -> None:
    schema = of(Country)
    before = copy.deepcopy(schema)
    made = inlined(schema)
    assert "$ref" not in str(made) and "$defs" not in made
    assert made["properties"]["capital"]["description"] == "where the government sits"
    assert made["properties"]["others"]["items"]["required"] == ["name"]
    assert schema == before


def test_a_type_that_contains_itself_keeps_one_reference_or_is_cut() -> None:
    made = inlined(of(Node))
    inner = made["properties"]["children"]["items"]
    assert inner["properties"]["children"]["items"] == {"$ref": "#/$defs/Node"}
    assert made["$defs"]["Node"]["properties"]["children"]["items"] == {"$ref": "#/$defs/Node"}
    assert "$ref" not in str(inlined(of(Node), cut=True))


def test_of_data_that_looks_like_a_schema_nothing_is_replaced() -> None:
    data = {"$ref": "#/$defs/A"}
    schema = {
        "type": "object",
        "properties": {"a": {"default": data, "enum": [data]}, "$ref": {"type": "string"}},
        "$defs": {"A": {"type": "integer"}},
    }
    made = inlined(schema)
    assert made["properties"]["a"] == {"default": data, "enum": [data]}
    assert made["properties"]["$ref"] == {"type": "string"}
    unknown = {"type": "object", "properties": {"a": {"$ref": "https://elsewhere"}}}
    assert inlined(unknown) == unknown


def test_definitions_that_multiply_stay_as_they_are() -> None:
    defs: dict[str, Any] = {"D0": {"type": "integer"}}
    for n in range(1, 30):
        ref = {"$ref": f"#/$defs/D{n - 1}"}
        defs[f"D{n}"] = {"type": "object", "properties": {"a": ref, "b": ref}}
    schema = {"type": "object", "properties": {"x": {"$ref": "#/$defs/D29"}}, "$defs": defs}
    assert inlined(schema) == schema


# --- the top of a tool ----------------------------------------------------------------------------


def test_a_union_at_the_top_becomes_one_object() -> None:
    made = flat(
        {
            "type": "object",
            "properties": {"id": {"type": "integer"}},
            "required": ["id", "gone"],
            "anyOf": [
                {"properties": {"title": {"type": "string"}}, "required": ["title", "by"]},
                {"$ref": "#/$defs/Body"},
            ],
            "$defs": {
                "Body": {"properties": {"by": {"type": "array"}}, "required": ["by", "text"]}
            },
            "not": {"required": ["x"]},
        }
    )
    assert list(made["properties"]) == ["by", "title", "id"]
    assert made["required"] == ["id", "by"]
    assert made["properties"]["by"] == {"type": "array", "items": {}}
    assert not {"anyOf", "not"} & made.keys()
    assert flat({"type": "object"}) == {"type": "object", "properties": {}}
    first, second = {"properties": {"a": {}}, "required": ["a"]}, {"properties": {"b": {}}}
    both = flat({"allOf": [first, second]})
    assert both["required"] == ["a"]


def test_one_of_and_constants_are_said_in_wider_words() -> None:
    made = wider({"oneOf": [{"const": "a"}, {"const": 1, "enum": [1]}], "discriminator": {}})
    assert made == {"anyOf": [{"enum": ["a"]}, {"const": 1, "enum": [1]}]}
    assert wider({"anyOf": [{"const": True}, {"const": None}]}) == {
        "anyOf": [{"type": "boolean"}, {"type": "null"}]
    }


def test_patterns_that_look_around_are_left_out() -> None:
    ahead = {"anyOf": [{"type": "number"}, {"type": "string", "pattern": "^(?!^[-+.]*$)[0-9.]*$"}]}
    assert with_plain_patterns(ahead) == {"anyOf": [{"type": "number"}, {"type": "string"}]}
    assert with_plain_patterns({"pattern": "^a$"}) == {"pattern": "^a$"}


# --- strict mode ----------------------------------------------------------------------------------


def test_the_strict_form_requires_all_and_allows_null() -> None:
    made = strict(of(Country))
    assert made["required"] == ["capital", "others"]
    assert made["additionalProperties"] is False
    assert made["properties"]["capital"]["description"] == "where the government sits"
    city = made["$defs"]["City"]
    assert city["required"] == ["name", "people", "twin"]
    assert {"type": "null"} in city["properties"]["people"]["anyOf"]
    assert city["properties"]["twin"]["anyOf"].count({"type": "null"}) == 1
    assert "default" not in str(made)
    assert strict(made) == made
    assert strict(of(Node))["required"] == ["value", "children"]


def test_checks_that_strict_mode_lacks_are_left_out() -> None:
    made = strict(
        {
            "type": "object",
            "properties": {
                "url": {"type": "string", "format": "uri"},
                "day": {"type": "string", "format": "date", "description": "when"},
                "tags": {"type": "array", "items": {"type": "string"}, "uniqueItems": True},
                "maybe": {"type": ["string", "null"]},
            },
            "required": ["url", "tags"],
        }
    )
    assert made["properties"] == {
        "url": {"type": "string"},
        "day": {
            "description": "when",
            "anyOf": [{"type": "string", "format": "date"}, {"type": "null"}],
        },
        "tags": {"type": "array", "items": {"type": "string"}},
        "maybe": {"type": ["string", "null"]},
    }


@pytest.mark.parametrize(
    ("type_", "words"),
    [
        (TypeAdapter(list[dict[str, int]]), "'[]' is an object without named fields"),
        (TypeAdapter(tuple[int, str]), "it needs 'prefixItems'"),
        (TypeAdapter(list[Any]), "'[]' may be of any type"),
    ],
)
def test_what_strict_mode_cannot_say_is_named(type_: TypeAdapter[Any], words: str) -> None:
    with pytest.raises(Unfit) as caught:
        strict(type_.json_schema())
    assert str(caught.value) == words
    nested = {"type": "object", "properties": {"a": {"allOf": [{"type": "string"}]}}}
    with pytest.raises(Unfit, match="'a' needs 'allOf'"):
        strict(nested)
    assert response_format("My answer!", nested)["json_schema"] == {
        "name": "My_answer_",
        "schema": nested,
        "strict": False,
    }


# --- faults ---------------------------------------------------------------------------------------


def test_where_a_type_contains_itself() -> None:
    class Tree(BaseModel):
        name: str
        root: Node

    assert cycle(of(Country)) is None
    assert cycle(of(Node)) == ("children", "[]")
    assert cycle(of(Tree)) == ("root", "children", "[]")
    assert bare_cycle(of(Tree)) is None  # children may be left out
    assert bare_cycle(of(Link)) == ("before",)


def test_where_an_object_is_open_and_where_a_word_is_used() -> None:
    class Shop(BaseModel):
        city: City
        prices: list[dict[str, float]]
        pair: tuple[int, int] = (1, 2)

    assert open_object(of(Shop)) == ("prices", "[]")
    assert using(of(Shop), "prefixItems") == ("pair",)
    assert open_object(of(Country)) is None
    assert open_object({"type": "object", "properties": {}}) is None
    assert str(Unfit(("prices", "[]", "x"), "is odd")) == "'prices[].x' is odd"


# --- back -----------------------------------------------------------------------------------------


def test_nulls_of_what_may_be_left_out_are_dropped() -> None:
    class Both(BaseModel):
        either: City | Node
        known: str | None = "x"
        free: dict[str, int | None] = {}
        more: list[City] = []

    given = {
        "either": {"name": "Oslo", "people": None, "twin": None},
        "known": None,
        "free": {"a": None},
        "more": [{"name": "Bergen", "people": None}],
    }
    assert without_nulls(given, of(Both)) == {
        "either": {"name": "Oslo", "twin": None},
        "known": None,
        "free": {"a": None},
        "more": [{"name": "Bergen"}],
    }
    assert without_nulls({"a": None, "b": None}, {"properties": {"b": {}}}) == {
        "a": None,
        "b": None,
    }
    assert without_nulls({"value": None}, {**of(Node), "required": []}) == {}
    assert without_nulls({"value": None}, of(Node)) == {"value": None}  # wrong, and said so later
    places = {"type": "array", "items": {"properties": {"people": {"type": "integer"}}}}
    nested = {"properties": {"a": {"anyOf": [places, {"type": "null"}]}}}
    assert without_nulls({"a": [{"people": None}]}, nested) == {"a": [{}]}


# --- names ----------------------------------------------------------------------------------------


def test_names_are_cleaned_and_stay_apart() -> None:
    given = ["notes.read", "notes/read", "notes_read", "2 ducks", "x" * 70, "x" * 71, "", "größe"]
    made = clean_names(given)
    assert list(made.values()) == [
        "notes_read_2",
        "notes_read_3",
        "notes_read",  # it needed no cleaning and keeps itself
        "_2_ducks",
        "x" * 64,
        "x" * 62 + "_2",
        "_",
        "gr__e",
    ]
    assert clean_keys(["a.b", "filter[id]", "filter(id)", "2"]) == {
        "a.b": "a.b",
        "filter[id]": "filter_id_",
        "filter(id)": "filter_id__2",
        "2": "2",
    }
