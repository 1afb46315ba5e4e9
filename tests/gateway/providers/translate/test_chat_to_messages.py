"""A chat completions request as Anthropic gets it."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.providers.translate import chat_to_messages
from gateway.providers.translate.fields import Untranslatable
from tests.gateway.providers.translate.chat_parts import CALL, USER

PIXEL = "iVBORw0KGgo="
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": False}


def translate(*messages: dict[str, Any], model: str = "claude-opus-4-6", **fields: Any) -> dict[str, Any]:
    given = list(messages) or [{"role": "user", "content": "hi"}]
    return chat_to_messages.request({"model": "x", "messages": given, **fields}, model=model, default_max_tokens=4096)


def test_the_least_request():
    assert translate() == {
        "model": "claude-opus-4-6",
        "max_tokens": 4096,
        "messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}],
    }


def test_what_stands_before_the_first_turn_is_the_system_prompt_and_later_words_keep_their_place():
    out = translate(
        {"role": "system", "content": "one"},
        {"role": "developer", "content": [{"type": "text", "text": "two"}]},
        {"role": "user", "content": "hi"},
        {"role": "system", "content": "three"},
        {"role": "user", "content": "ho"},
        model="claude-opus-4-8",
    )
    assert out["system"] == [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}]
    assert [(turn["role"], turn["content"][0]["text"]) for turn in out["messages"]] == [
        ("user", "hi"), ("system", "three"), ("user", "ho"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "model",
    ["claude-3-5-haiku-20241022", "claude-sonnet-4-5", "claude-opus-4-20250514", "claude-opus-4-7", "claude-haiku-4-5"],
)
def test_older_models_take_no_system_message_between_turns(model):
    with pytest.raises(Untranslatable) as caught:
        translate(USER, {"role": "developer", "content": "three"}, USER, model=model)
    assert caught.value.param == "messages[1].role"


def test_what_says_nothing_is_left_out():
    empty = {"type": "text", "text": ""}
    out = translate(
        {"role": "system", "content": ""},
        {"role": "user", "content": [empty, {"type": "text", "text": "hi"}]},
        {"role": "assistant", "content": "", "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "c", "content": [empty]},
    )
    assert "system" not in out
    assert [turn["content"] for turn in out["messages"]] == [
        [{"type": "text", "text": "hi"}],
        [{"type": "tool_use", "id": "c", "name": "f", "input": {}}],
        [{"type": "tool_result", "tool_use_id": "c", "content": []}],
    ]


def test_a_begun_answer_is_a_prefill():
    assert translate(USER, {"role": "assistant", "content": "The"})["messages"][-1] == {
        "role": "assistant",
        "content": [{"type": "text", "text": "The"}],
    }


def test_a_past_refusal_is_text():
    out = translate(USER, {"role": "assistant", "content": [{"type": "refusal", "refusal": "no"}]}, USER)
    assert out["messages"][1]["content"] == [{"type": "text", "text": "no"}]


def test_images_in_tool_results():
    image = {"type": "image_url", "image_url": {"url": f"data:image/JPG;base64,{PIXEL}"}}
    out = translate(USER, {"role": "tool", "tool_call_id": "c", "content": [image]})
    assert out["messages"][1]["content"][0]["content"] == [
        {"type": "image", "source": {"type": "base64", "media_type": "image/jpeg", "data": PIXEL}}
    ]


def test_a_cache_breakpoint_is_kept():
    text = {"type": "text", "text": "hi", "prompt_cache_breakpoint": {"mode": "explicit", "ttl": "30m"}}
    (block,) = translate({"role": "user", "content": [text]})["messages"][0]["content"]
    assert block == {"type": "text", "text": "hi", "cache_control": {"type": "ephemeral"}}


def test_images_and_files():
    out = translate(
        {
            "role": "user",
            "content": [
                {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}", "detail": "auto"}},
                {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
                {"type": "file", "file": {"file_data": f"data:application/pdf;base64,{PIXEL}", "filename": "a.pdf"}},
            ],
        }
    )
    assert out["messages"][0]["content"] == [
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}},
        {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}},
        {
            "type": "document",
            "source": {"type": "base64", "media_type": "application/pdf", "data": PIXEL},
            "title": "a.pdf",
        },
    ]


def test_parallel_tool_calls_and_their_results():
    def call(number: str) -> dict[str, Any]:
        return {"id": f"c{number}", "type": "function", "function": {"name": "f", "arguments": f'{{"n": {number}}}'}}

    out = translate(
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": "let me see", "tool_calls": [call("1"), call("2")]},
        {"role": "tool", "tool_call_id": "c1", "content": "one"},
        {"role": "tool", "tool_call_id": "c2", "content": [{"type": "text", "text": "two"}]},
        {"role": "user", "content": "and?"},
    )
    assert out["messages"][1:] == [
        {
            "role": "assistant",
            "content": [
                {"type": "text", "text": "let me see"},
                {"type": "tool_use", "id": "c1", "name": "f", "input": {"n": 1}},
                {"type": "tool_use", "id": "c2", "name": "f", "input": {"n": 2}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "c1", "content": "one"},
                {"type": "tool_result", "tool_use_id": "c2", "content": [{"type": "text", "text": "two"}]},
                {"type": "text", "text": "and?"},
            ],
        },
    ]


def test_tools_and_tool_choice():
    function = {"name": "f", "description": "d", "parameters": SCHEMA, "strict": True}
    out = translate(tools=[{"type": "function", "function": function}, {"type": "function", "function": {"name": "g"}}])
    assert out["tools"] == [
        {"name": "f", "description": "d", "input_schema": SCHEMA, "strict": True},
        {"name": "g", "input_schema": {"type": "object", "properties": {}}},
    ]


@pytest.mark.parametrize(
    ("fields", "choice"),
    [
        ({}, None),
        ({"tool_choice": "auto"}, {"type": "auto"}),
        ({"tool_choice": "none"}, {"type": "none"}),
        ({"tool_choice": "none", "parallel_tool_calls": False}, {"type": "none"}),
        ({"tool_choice": "required"}, {"type": "any"}),
        ({"tool_choice": {"type": "function", "function": {"name": "f"}}}, {"type": "tool", "name": "f"}),
        ({"parallel_tool_calls": True}, None),
        ({"parallel_tool_calls": False}, {"type": "auto", "disable_parallel_tool_use": True}),
        ({"tool_choice": "required", "parallel_tool_calls": False}, {"type": "any", "disable_parallel_tool_use": True}),
    ],
)
def test_tool_choices(fields, choice):
    out = translate(tools=[{"type": "function", "function": {"name": "f"}}], **fields)
    assert out.get("tool_choice") == choice


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"max_tokens": 7}, {"max_tokens": 7}),
        ({"max_tokens": 7, "max_completion_tokens": 9}, {"max_tokens": 9}),
        ({"temperature": 0.5, "top_p": 1}, {"temperature": 0.5, "top_p": 1.0}),
        ({"stop": "x"}, {"stop_sequences": ["x"]}),
        ({"stop": ["x", "y"]}, {"stop_sequences": ["x", "y"]}),
        ({"stream": True, "stream_options": {"include_usage": True}}, {"stream": True}),
        ({"user": "ada"}, {"metadata": {"user_id": "ada"}}),
        ({"safety_identifier": "s", "user": "ada"}, {"metadata": {"user_id": "s"}}),
        ({"service_tier": "default"}, {"service_tier": "standard_only"}),
        ({"reasoning_effort": "none"}, {"thinking": {"type": "disabled"}}),
        ({"reasoning_effort": "minimal"}, {"thinking": {"type": "adaptive"}, "output_config": {"effort": "low"}}),
        ({"reasoning_effort": "xhigh"}, {"thinking": {"type": "adaptive"}, "output_config": {"effort": "xhigh"}}),
        ({"response_format": {"type": "text"}}, {}),
        (
            {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "n", "schema": SCHEMA, "strict": True},
                }
            },
            {"output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}},
        ),
        (
            {"response_format": {"type": "json_object"}},
            {"system": [{"type": "text", "text": chat_to_messages.JSON_INSTRUCTION}]},
        ),
    ],
)
def test_parameters(fields, expected):
    assert translate(**fields) == {**translate(), **expected}


@pytest.mark.parametrize(("effort", "budget"), [("low", 1024), ("medium", 4096), ("high", 7500)])
def test_older_models_think_by_budget(effort, budget):
    out = translate(model="claude-sonnet-4-5", reasoning_effort=effort, max_tokens=10_000)
    assert out["thinking"] == {"type": "enabled", "budget_tokens": budget}
    assert "output_config" not in out


def test_a_budget_needs_room():
    with pytest.raises(Untranslatable) as caught:
        translate(model="claude-sonnet-4-5", reasoning_effort="low", max_tokens=1024)
    assert caught.value.param == "reasoning_effort"


@pytest.mark.parametrize("choice", ["auto", "none"])
def test_a_choice_from_no_tools_says_nothing(choice):
    assert translate(tool_choice=choice, parallel_tool_calls=False) == translate()


def test_thinking_goes_back_as_it_came():
    block = {"type": "thinking", "thinking": "hm", "signature": "s"}
    out = translate({"role": "assistant", "content": "ok", "reasoning_content": "hm", "thinking_blocks": [block]})
    assert out["messages"][0]["content"] == [block, {"type": "text", "text": "ok"}]


@pytest.mark.parametrize(
    "fields",
    [
        {"n": 1}, {"frequency_penalty": 0}, {"presence_penalty": 0.0}, {"logprobs": False}, {"logit_bias": {}}, {"store": False},
        {"seed": None}, {"modalities": ["text"]}, {"verbosity": "medium"}, {"prompt_cache_key": "k"}, {"metadata": {"a": "b"}},
    ],
)  # fmt: skip
def test_a_neutral_value_is_no_hindrance(fields):
    assert translate(**fields) == translate()
