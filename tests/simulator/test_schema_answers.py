from __future__ import annotations

import jsonschema
import pytest

from simulator import schema_answers

TREE = {
    "$defs": {
        "node": {
            "type": "object",
            "properties": {
                "label": {"type": "string"},
                "children": {"type": "array", "items": {"$ref": "#/$defs/node"}},
            },
            "required": ["label", "children"],
            "additionalProperties": False,
        }
    },
    "$ref": "#/$defs/node",
}
LINKED = {
    "type": "object",
    "properties": {"next": {"anyOf": [{"$ref": "#"}, {"type": "null"}]}, "id": {"type": "integer"}},
    "required": ["next", "id"],
}


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string", "minLength": 40, "maxLength": 41},
        {"type": "string", "maxLength": 3},
        {"type": "string", "format": "date-time"},
        {"type": "integer", "minimum": 17, "multipleOf": 5},
        {"type": "integer", "maximum": -4},
        {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 0.1},
        {"type": ["string", "null"]},
        {"enum": ["red", "green"]},
        {"const": {"a": 1}},
        {"type": "boolean"},
        {"type": "null"},
        {"type": "array", "items": {"type": "integer"}, "minItems": 3, "uniqueItems": True},
        {"type": "array", "maxItems": 0},
        {"type": "array", "prefixItems": [{"type": "integer"}, {"type": "string"}], "items": False},
        {"type": "object", "required": ["unlisted"]},
        {"type": "object", "minProperties": 2, "additionalProperties": {"type": "integer"}},
        {
            "allOf": [
                {"properties": {"a": {"type": "integer"}}, "required": ["a"]},
                {"properties": {"b": {"const": 2}}, "required": ["b"]},
            ]
        },
        {"oneOf": [{"type": "null"}, {"type": "object", "properties": {"k": {"const": "v"}}, "required": ["k"]}]},
        {
            "definitions": {"x": {"type": "integer", "minimum": 3}},
            "properties": {"a": {"$ref": "#/definitions/x"}},
            "required": ["a"],
        },
        TREE,
        LINKED,
        {},
    ],
)
def test_makes_an_instance_of_the_schema(schema):
    jsonschema.validate(schema_answers.value_for(schema), schema)


@pytest.mark.parametrize(
    "schema",
    [{"type": "string", "minLength": "x"}, {"properties": [], "required": 5}, {"allOf": [{"$ref": "#"}]}],
)
def test_refuses_what_is_no_schema(post, schema):
    tool = {
        "type": "function",
        "function": {"name": "t", "parameters": {"type": "object", "properties": {"a": schema}, **schema}},
    }
    body = {"model": "m", "messages": [{"role": "user", "content": "x"}], "tools": [tool], "tool_choice": "required"}
    status, _, raw = post("/v1/chat/completions", body)
    assert status == 400
    assert b"Invalid JSON schema" in raw


def test_ends_a_schema_that_requires_itself_without_end():
    schema = {"type": "object", "properties": {"a": {"$ref": "#"}, "b": {"$ref": "#"}}, "required": ["a", "b"]}
    assert set(schema_answers.value_for(schema)) == {"a", "b"}
