"""What the reference makes of a document: operations in groups, fields in words, commands that can be copied."""

from __future__ import annotations

from typing import Any

from config.reference import reading
from config.reference.fields import Choice, Field
from config.reference.reading import Answer, Right

BOOK = {"$ref": "#/components/schemas/BookRow"}
COMPONENTS = {
    "BookRow": {
        "type": "object",
        "properties": {
            "id": {"type": "string", "format": "uuid", "readOnly": True},
            "title": {"type": "string", "maxLength": 80, "description": "As `readers` know it."},
            "kind": {
                "allOf": [{"$ref": "#/components/schemas/Kind"}],
                "description": "* `novel` - Novel\n* `short` - Short story",
            },
            "authors": {
                "type": "array",
                "maxItems": 3,
                "items": {
                    "type": "object",
                    "required": ["name"],
                    "properties": {"name": {"type": "string"}, "born": {"type": "integer", "nullable": True}},
                },
            },
            "pages": {"type": "integer", "minimum": 1, "maximum": 2147483647, "default": 100},
            "secret": {"type": "string", "writeOnly": True},
        },
        "required": ["id", "title", "authors"],
    },
    "Kind": {"type": "string", "enum": ["novel", "short"]},
    "PaginatedBookRowList": {
        "type": "object",
        "properties": {"next": {"type": "string"}, "results": {"type": "array", "items": BOOK}},
    },
}


def told(schema: Any, text: str = "") -> dict[str, Any]:
    return {"description": text, "content": {"application/json": {"schema": schema}}}


REFUSED = {"description": "No valid key."}
DOCUMENT = {
    "info": {"title": "Books", "description": "A library."},
    "components": {"schemas": COMPONENTS},
    "paths": {
        "/books": {
            "get": {
                "operationId": "list_books",
                "tags": ["Books"],
                "summary": "List books",
                "description": "Of the library.",
                "parameters": [{"name": "limit", "in": "query", "schema": {"type": "integer"}, "description": "How many."}],
                "responses": {"200": told({"$ref": "#/components/schemas/PaginatedBookRowList"}), "401": REFUSED},
            },
            "post": {
                "operationId": "create_books",
                "tags": ["Books"],
                "description": "Of the library.",
                "x-tollgate-right": {"subject": "books", "action": "add", "roles": ["owner"], "only_own": []},
                "requestBody": {"content": {"application/json": {"schema": BOOK}}},
                "responses": {"201": told(BOOK), "401": REFUSED, "409": {"description": "There is one."}},
            },
        },
        "/books/{id}/pages": {
            "patch": {
                "operationId": "change_pages",
                "tags": ["Pages"],
                "description": "It's of `one` book.",
                "x-tollgate-scope": "pages",
                "requestBody": {"content": {"application/json": {"schema": {"properties": {"pages": {"type": "integer"}}}}}},
                "responses": {"200": told({"type": "object", "properties": {"pages": {"type": "integer"}}}, "The pages."), "401": REFUSED},
            },
        },
    },
}  # fmt: skip


def test_operations_stand_in_groups_and_what_all_say_is_said_once():
    found = reading.read(DOCUMENT)
    assert (found.title, found.text) == ("Books", "A library.")
    assert [(group.title, group.anchor, group.text) for group in found.groups] == [
        ("Books", "group-books", "Of the library."),
        ("Pages", "group-pages", ""),
    ]
    assert [
        (item.id, item.method, item.path, item.summary, item.text)
        for group in found.groups
        for item in group.operations
    ] == [
        ("list_books", "GET", "/books", "List books", ""),
        ("create_books", "POST", "/books", "Create books", ""),
        ("change_pages", "PATCH", "/books/{id}/pages", "Change pages", "It's of `one` book."),
    ]
    assert found.failures == (Answer("401", "No valid key."),)
    (_listed, made), (changed,) = (group.operations for group in found.groups)
    assert made.failures == (Answer("409", "There is one."),)
    assert made.right == Right("add", "books", ("owner",), ())
    assert (changed.right, changed.scope) == (None, "pages")


def test_fields_are_told_in_words_with_the_way_to_those_within():
    (_listed, made), _pages = (group.operations for group in reading.read(DOCUMENT).groups)
    assert made.body == (
        Field("title", "text", "As `readers` know it.", ("up to 80 characters",), (), is_required=True),
        Field("kind", "text", "", (), (Choice("novel", ""), Choice("short", "Short story"))),
        Field("authors", "list of objects", "", ("at most 3 of them",), (), is_required=True),
        Field("authors[].name", "text", is_required=True),
        Field("authors[].born", "whole number", "", ("or null",)),
        Field("pages", "whole number", "", ("at least 1", "if left out: 100")),
        Field("secret", "text"),
    )


def test_what_several_operations_tell_is_described_once_without_what_is_only_written():
    books, pages = reading.read(DOCUMENT).groups
    (shape,) = books.shapes
    assert (shape.anchor, shape.title) == ("shape-book", "Book")
    assert [field.name for field in shape.fields] == [
        "id", "title", "kind", "authors", "authors[].name", "authors[].born", "pages",
    ]  # fmt: skip
    assert not [field for field in shape.fields if field.is_required]
    listed, made = (operation.answers for operation in books.operations)
    assert listed == (Answer("200", "", "page", "shape-book", "Book"),)
    assert made == (Answer("201", "", "one", "shape-book", "Book"),)
    assert pages.operations[0].answers == (
        Answer("200", "The pages.", "object", "", "", (Field("pages", "whole number"),)),
    )
    assert pages.shapes == ()


def test_commands_have_what_is_required_and_variables_for_what_is_the_callers():
    (listed, made), (changed,) = (group.operations for group in reading.read(DOCUMENT).groups)
    assert listed.command == 'curl "https://tollgate.invalid/books" \\\n  -H "authorization: Bearer $TOLLGATE_KEY"'
    assert made.command.splitlines() == [
        'curl "https://tollgate.invalid/books" \\',
        '  -H "authorization: Bearer $TOLLGATE_KEY" \\',
        '  -H "content-type: application/json" \\',
        """  -d '{"title": "<title>", "authors": [{"name": "<name>"}]}'""",
    ]
    assert changed.command.splitlines()[0] == 'curl -X PATCH "https://tollgate.invalid/books/$ID/pages" \\'
    assert changed.command.splitlines()[-1] == """  -d '{"pages": 1}'"""
