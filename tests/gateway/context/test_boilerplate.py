"""Blank space and repetition: what goes, and what must not be touched."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from gateway.context import boilerplate, texts
from gateway.context.turns import Message

LONG = "The office in Lisbon is closed on Friday. " * 8


def message(role: str, content: Any, **fields: Any) -> Message:
    data = {"role": role, "content": content, **fields}
    return Message(msgspec.Raw(msgspec.json.encode(data)), data)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a  b\tc   d", "a b\tc d"),
        ("a \n\n\n\nb  ", "a\n\nb"),
        ("    indented   text", "    indented text"),
        ("a\n \t \n\nb", "a\n\nb"),
        ('say "two  spaces"  here', 'say "two  spaces"  here'),
        ("run `a  b`", "run `a  b`"),
        ("x  y\n```py\na  =  1\n\n\nb\n```\nx  y", "x y\n```py\na  =  1\n\n\nb\n```\nx y"),
        ("~~~\na  b\n```\n\n\nc  d\n~~~\ne  f", "~~~\na  b\n```\n\n\nc  d\n~~~\ne f"),
        ("````\n```\na  b\n```\n````\nc  d", "````\n```\na  b\n```\n````\nc d"),
        ("```\nnever  closed\n\n\n\nend", "```\nnever  closed\n\n\n\nend"),
        ("tidy already", "tidy already"),
        ("", ""),
    ],
)
def test_blank_space_collapses_outside_of_what_is_literal(text, expected):
    assert boilerplate.collapse(text) == expected
    assert boilerplate.collapse(expected) == expected


def test_json_is_left_alone_whole():
    given = message("tool", '{"a":  1,\n\n\n "b": "c   d"}', tool_call_id="a")
    assert texts.edited(given, boilerplate.collapse) is given
    assert texts.edited(message("tool", "  [1,   2]"), boilerplate.collapse).data["content"] == "  [1,   2]"


def test_an_edit_never_touches_arguments_thinking_citations_or_media():
    function = {"name": "f", "arguments": '{"q":  "a   b"}'}
    given = message("assistant", "a  b", tool_calls=[{"id": "x", "type": "function", "function": function}])
    edited = texts.edited(given, boilerplate.collapse)
    assert edited.data == {"role": "assistant", "content": "a b", "tool_calls": given.data["tool_calls"]}
    assert msgspec.json.decode(edited.raw) == edited.data
    blocks: list[dict[str, Any]] = [
        {"type": "tool_use", "id": "x", "name": "f", "input": {"q": "a   b"}},
        {"type": "text", "text": "a   b", "citations": [{"cited_text": "a   b"}]},
        {"type": "document", "source": {"type": "text", "data": "a   b"}},
    ]
    given = message("user", blocks)
    assert texts.edited(given, boilerplate.collapse) is given
    signed = message(
        "assistant", [{"type": "thinking", "thinking": "a   b", "signature": "s"}, {"type": "text", "text": "a   b"}]
    )
    assert texts.edited(signed, boilerplate.collapse) is signed


def test_results_of_tools_are_edited_in_both_their_forms():
    given = message(
        "user",
        [
            {"type": "tool_result", "tool_use_id": "x", "content": "a   b"},
            {
                "type": "tool_result",
                "tool_use_id": "y",
                "content": [{"type": "text", "text": "c   d"}],
                "is_error": True,
            },
        ],
    )
    assert texts.edited(given, boilerplate.collapse).data["content"] == [
        {"type": "tool_result", "tool_use_id": "x", "content": "a b"},
        {"type": "tool_result", "tool_use_id": "y", "content": [{"type": "text", "text": "c d"}], "is_error": True},
    ]


def test_a_text_is_never_emptied():
    given = message("user", "\n\n\n\n")
    assert texts.edited(given, lambda text: "") is given


def test_a_long_paragraph_is_said_once():
    said = [
        message("user", f"First.\n\n{LONG}\n\nEnd."),
        message("assistant", LONG),
        message("user", f"Again:\n\n{LONG.replace(' is', '  is')}"),
    ]
    out = boilerplate.without_repetition(said, may_edit=lambda one: True)
    assert out[0] is said[0]
    assert out[1].data["content"] == "[As before: “The office in Lisbon is closed on Friday…”]"
    assert out[2].data["content"] == "Again:\n\n[As before: “The office in Lisbon  is closed on Frida…”]"


def test_what_may_not_be_edited_is_remembered_all_the_same():
    said = [message("system", LONG), message("user", LONG), message("user", LONG)]
    out = boilerplate.without_repetition(said, may_edit=lambda one: one is said[1])
    assert [out[0], out[2]] == [said[0], said[2]]
    assert out[1].data["content"].startswith("[As before")


def test_short_paragraphs_and_code_may_be_said_twice():
    code = f"```\n{LONG}\n\n{LONG}\n```"
    said = [message("user", f"Short.\n\n{code}"), message("user", f"Short.\n\n{code}")]
    assert boilerplate.without_repetition(said, may_edit=lambda one: True) == said
