"""A messages request as OpenAI gets it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.providers.translate import messages_to_chat
from gateway.providers.translate.fields import InvalidField, Untranslatable

SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}
USER = {"role": "user", "content": "hi"}


def translate(*messages: dict[str, Any], **fields: Any) -> dict[str, Any]:
    given = list(messages) or [USER]
    return messages_to_chat.request({"model": "x", "max_tokens": 50, "messages": given, **fields}, model="gpt-4o")


def test_the_least_request():
    assert translate() == {"model": "gpt-4o", "max_completion_tokens": 50, "messages": [USER]}


def test_older_servers_get_the_older_name_for_the_maximum():
    body = {"max_tokens": 50, "messages": [USER]}
    assert messages_to_chat.request(body, model="m", max_tokens_field="max_tokens")["max_tokens"] == 50


def test_a_stream_asks_for_usage():
    out = translate(stream=True)
    assert (out["stream"], out["stream_options"]) == (True, {"include_usage": True})


@pytest.mark.parametrize(
    ("system", "content"),
    [
        ("be brief", "be brief"),
        ([{"type": "text", "text": "be brief", "cache_control": {"type": "ephemeral"}}], "be brief"),
        (
            [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}],
            [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}],
        ),
    ],
)
def test_the_system_prompt_comes_first(system, content):
    assert translate(system=system)["messages"] == [{"role": "system", "content": content}, USER]


def test_images_and_documents():
    out = translate(
        {
            "role": "user",
            "content": [
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA"}},
                {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}},
                {
                    "type": "document",
                    "source": {"type": "base64", "media_type": "application/pdf", "data": "AA"},
                    "title": "t.pdf",
                },
                {
                    "type": "document",
                    "source": {"type": "text", "media_type": "text/plain", "data": "words"},
                    "title": "t",
                },
            ],
        }
    )
    assert out["messages"][0]["content"] == [
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}},
        {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
        {"type": "file", "file": {"filename": "t.pdf", "file_data": "data:application/pdf;base64,AA"}},
        {"type": "text", "text": "t\n\nwords"},
    ]


def test_tool_calls_and_results():
    out = translate(
        USER,
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "hm", "signature": "s"},
                {"type": "text", "text": "see"},
                {"type": "tool_use", "id": "t1", "name": "f", "input": {"n": 1}},
                {"type": "tool_use", "id": "t2", "name": "g", "input": {}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "t1", "content": "one"},
                {
                    "type": "tool_result",
                    "tool_use_id": "t2",
                    "content": [{"type": "text", "text": "two"}],
                    "is_error": True,
                },
                {"type": "text", "text": "and?"},
            ],
        },
    )
    assistant, *rest = out["messages"][1:]
    assert assistant["content"] == "see"
    calls = [
        (call["id"], call["function"]["name"], json.loads(call["function"]["arguments"]))
        for call in assistant["tool_calls"]
    ]
    assert calls == [("t1", "f", {"n": 1}), ("t2", "g", {})]
    assert rest == [
        {"role": "tool", "tool_call_id": "t1", "content": "one"},
        {"role": "tool", "tool_call_id": "t2", "content": "Error: two"},
        {"role": "user", "content": "and?"},
    ]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"temperature": 1, "top_p": 0.5}, {"temperature": 1.0, "top_p": 0.5}),
        ({"stop_sequences": ["a", "b"]}, {"stop": ["a", "b"]}),
        ({"metadata": {"user_id": "ada", "feature": "f"}}, {"user": "ada"}),
        ({"service_tier": "standard_only"}, {"service_tier": "default"}),
        ({"thinking": {"type": "disabled"}}, {}),
        ({"thinking": {"type": "adaptive"}}, {}),
        ({"thinking": {"type": "enabled", "budget_tokens": 1024}}, {"reasoning_effort": "low"}),
        ({"thinking": {"type": "enabled", "budget_tokens": 5000}}, {"reasoning_effort": "medium"}),
        ({"thinking": {"type": "enabled", "budget_tokens": 20000}}, {"reasoning_effort": "high"}),
        ({"thinking": {"type": "adaptive"}, "output_config": {"effort": "max"}}, {"reasoning_effort": "max"}),
        (
            {"output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}},
            {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "answer", "schema": SCHEMA, "strict": True},
                }
            },
        ),
        (
            {
                "tools": [
                    {
                        "name": "f",
                        "description": "d",
                        "input_schema": SCHEMA,
                        "strict": True,
                        "cache_control": {"type": "ephemeral"},
                    }
                ]
            },
            {
                "tools": [
                    {
                        "type": "function",
                        "function": {"name": "f", "description": "d", "parameters": SCHEMA, "strict": True},
                    }
                ]
            },
        ),
        ({"tool_choice": {"type": "auto", "disable_parallel_tool_use": True}}, {}),
        ({"system": ""}, {}),
        ({"system": []}, {}),
        ({"cache_control": {"type": "ephemeral"}}, {}),
    ],
)
def test_parameters(fields, expected):
    assert translate(**fields) == {**translate(), **expected}


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ({"type": "auto"}, {"tool_choice": "auto"}),
        ({"type": "none"}, {"tool_choice": "none"}),
        ({"type": "any"}, {"tool_choice": "required"}),
        ({"type": "tool", "name": "f"}, {"tool_choice": {"type": "function", "function": {"name": "f"}}}),
        ({"type": "auto", "disable_parallel_tool_use": True}, {"tool_choice": "auto", "parallel_tool_calls": False}),
        ({"type": "any", "disable_parallel_tool_use": False}, {"tool_choice": "required"}),
    ],
)
def test_tool_choices(choice, expected):
    tools = [{"name": "f", "input_schema": {}}]
    assert translate(tools=tools, tool_choice=choice) == {**translate(tools=tools), **expected}


@pytest.mark.parametrize(("returns_reasoning", "expected"), [(False, {}), (True, {"reasoning_content": "hm"})])
def test_past_thinking_goes_back_only_to_a_server_that_wants_it(returns_reasoning, expected):
    blocks = [
        {"type": "thinking", "thinking": "hm", "signature": ""},
        {"type": "redacted_thinking", "data": "sealed"},
        {"type": "text", "text": "ok"},
    ]
    body = {"max_tokens": 5, "messages": [USER, {"role": "assistant", "content": blocks}, USER]}
    out = messages_to_chat.request(body, model="m", returns_reasoning=returns_reasoning)
    assert out["messages"][1] == {"role": "assistant", "content": "ok", **expected}


def test_a_failed_tool_says_so():
    result = {"type": "tool_result", "tool_use_id": "t", "is_error": True}
    texts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    out = translate({"role": "user", "content": [{**result, "content": "bad"}, {**result, "content": texts}, result]})
    assert [message["content"] for message in out["messages"]] == [
        "Error: bad", [{"type": "text", "text": "Error: "}, *texts], "Error: ",
    ]  # fmt: skip


def test_a_system_turn_keeps_its_place():
    out = translate(USER, {"role": "system", "content": "three"}, USER)
    assert out["messages"] == [USER, {"role": "system", "content": "three"}, USER]


def content(*blocks: dict[str, Any], role: str = "user") -> dict[str, Any]:
    return {"messages": [{"role": role, "content": list(blocks)}]}


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"top_k": 5}, "top_k"),
        ({"stop_sequences": list("abcde")}, "stop_sequences"),
        ({"container": "c"}, "container"),
        ({"mcp_servers": []}, "mcp_servers"),
        ({"speed": "fast"}, "speed"),
        ({"never_heard_of": 1}, "never_heard_of"),
        ({"metadata": {"user_id": "a", "x": 1}}, "metadata.x"),
        ({"tools": [{"type": "web_search_20250305", "name": "web_search"}]}, "tools[0].type"),
        ({"tools": [{"name": "f", "input_schema": {}, "input_examples": [{}]}]}, "tools[0].input_examples"),
        ({"thinking": {"type": "between_tools"}}, "thinking.type"),
        (content({"type": "image", "source": {"type": "file", "file_id": "f"}}), "messages[0].content[0].source.type"),
        (content({"type": "search_result", "source": "s"}), "messages[0].content[0].type"),
        (
            content({"type": "document", "source": {"type": "text", "data": "x"}, "citations": {"enabled": True}}),
            "messages[0].content[0].citations.enabled",
        ),
        (
            content(
                {
                    "type": "tool_result",
                    "tool_use_id": "t",
                    "content": [{"type": "image", "source": {"type": "url", "url": "u"}}],
                }
            ),
            "messages[0].content[0].content[0].type",
        ),
        ({"max_tokens": 0}, "max_tokens"),
        ({"cache_control": {"type": "ephemeral", "new": 1}}, "cache_control.new"),
        (
            content(
                {
                    "type": "image",
                    "source": {"type": "url", "url": "u"},
                    "transformations": {"oversized_image": "error"},
                }
            ),
            "messages[0].content[0].transformations",
        ),
        (
            content(
                {"type": "tool_use", "id": "1", "name": "n", "input": {}, "caller": {"type": "server"}},
                role="assistant",
            ),
            "messages[0].content[0].caller",
        ),
        (
            content({"type": "server_tool_use", "id": "1", "name": "n", "input": {}}, role="assistant"),
            "messages[0].content[0].type",
        ),
    ],
)
def test_what_cannot_be_said_is_refused_by_name(fields, param):
    with pytest.raises(Untranslatable) as caught:
        messages_to_chat.request({"max_tokens": 5, "messages": [USER], **fields}, model="m")
    assert caught.value.param == param


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"max_tokens": None}, "max_tokens"),
        ({"system": 7}, "system"),
        ({"messages": []}, "messages"),
        ({"tool_choice": {"type": "any"}}, "tool_choice"),
        ({"temperature": 10**400}, "temperature"),
        ({"tool_choice": "auto"}, "tool_choice"),
        ({"stop_sequences": "x"}, "stop_sequences"),
        ({"messages": [{"role": "narrator", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": []}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": [7]}]}, "messages[0].content[0]"),
        (content({"type": "tool_result", "content": "x"}), "messages[0].content[0].tool_use_id"),
    ],
)
def test_what_is_wrong_in_itself_is_refused_by_name(fields, param):
    with pytest.raises(InvalidField) as caught:
        messages_to_chat.request({"max_tokens": 5, "messages": [USER], **fields}, model="m")
    assert caught.value.param == param
