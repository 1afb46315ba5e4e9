"""What a chat completions request says that Anthropic's format cannot, or that is wrong in itself, is refused by name."""

from __future__ import annotations

import pytest

from gateway.providers.translate import chat_to_messages
from gateway.providers.translate.fields import InvalidField, Untranslatable
from tests.gateway.providers.translate.chat_parts import CALL, IMAGE, USER


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"temperature": 1.5}, "temperature"),
        ({"n": 2}, "n"),
        ({"seed": 1}, "seed"),
        ({"logprobs": True}, "logprobs"),
        ({"logit_bias": {"1": 2}}, "logit_bias"),
        ({"frequency_penalty": 0.1}, "frequency_penalty"),
        ({"modalities": ["text", "audio"]}, "modalities"),
        ({"store": True}, "store"),
        ({"verbosity": "low"}, "verbosity"),
        ({"service_tier": "flex"}, "service_tier"),
        ({"web_search_options": {}}, "web_search_options"),
        ({"functions": []}, "functions"),
        ({"never_heard_of": 1}, "never_heard_of"),
        ({"stream_options": {"new": 1}}, "stream_options.new"),
        ({"messages": [{"role": "system", "content": "x"}]}, "messages"),
        ({"messages": [{"role": "user", "content": ""}]}, "messages[0].content"),
        ({"messages": [USER, {"role": "assistant", "content": [IMAGE]}]}, "messages[1].content[0].type"),
        ({"messages": [{"role": "system", "content": [IMAGE]}, USER]}, "messages[0].content[0].type"),
        (
            {"messages": [{"role": "user", "content": [{**IMAGE, "image_url": {"url": "data:image/bmp;base64,AA"}}]}]},
            "messages[0].content[0].image_url.url",
        ),
        ({"tools": [{"type": "custom", "custom": {"name": "x"}}]}, "tools[0].type"),
        ({"tools": [{"type": "function", "function": {"name": "f", "new": 1}}]}, "tools[0].function.new"),
        ({"tool_choice": {"type": "allowed_tools", "allowed_tools": {}}}, "tool_choice.type"),
        ({"messages": [{**USER, "name": "ada"}]}, "messages[0].name"),
        ({"messages": [USER, {"role": "function", "name": "f", "content": ""}]}, "messages[1].role"),
        (
            {"messages": [{"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]}]},
            "messages[0].content[0].type",
        ),
        (
            {
                "messages": [
                    {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x", "detail": "low"}}]}
                ]
            },
            "messages[0].content[0].image_url.detail",
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "file", "file": {"file_id": "f"}}]}]},
            "messages[0].content[0].file.file_id",
        ),
        (
            {"messages": [{"role": "assistant", "content": "x", "reasoning_content": "y"}]},
            "messages[0].reasoning_content",
        ),
        ({"messages": [{"role": "assistant", "content": "x", "audio": {"id": "1"}}]}, "messages[0].audio"),
    ],
)
def test_what_cannot_be_said_is_refused_by_name(fields, param):
    with pytest.raises(Untranslatable) as caught:
        chat_to_messages.request({"messages": [USER], **fields}, model="m", default_max_tokens=10)
    assert caught.value.param == param


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"max_tokens": "7"}, "max_tokens"),
        ({"max_tokens": True}, "max_tokens"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_completion_tokens": -1}, "max_completion_tokens"),
        ({"temperature": 10**400}, "temperature"),
        ({"tool_choice": "required"}, "tool_choice"),
        (
            {"messages": [{"role": "user", "content": [{**IMAGE, "image_url": {"url": "data:image/png,AA"}}]}]},
            "messages[0].content[0].image_url.url",
        ),
        (
            {
                "messages": [
                    {"role": "assistant", "content": "x", "thinking_blocks": [{"type": "thinking", "thinking": 7}]}
                ]
            },
            "messages[0].thinking_blocks[0].thinking",
        ),
        ({"temperature": "hot"}, "temperature"),
        ({"stop": 3}, "stop"),
        ({"tool_choice": "maybe"}, "tool_choice"),
        ({"reasoning_effort": "some"}, "reasoning_effort"),
        ({"tools": [7]}, "tools[0]"),
        ({"messages": [{"role": "narrator", "content": ""}]}, "messages[0].role"),
        ({"messages": [{"role": "user"}]}, "messages[0].content"),
        ({"messages": [{"role": "assistant", "content": None}]}, "messages[0].content"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].tool_call_id"),
        (
            {
                "messages": [
                    {"role": "assistant", "tool_calls": [{**CALL, "function": {"name": "f", "arguments": "{"}}]}
                ]
            },
            "messages[0].tool_calls[0].function.arguments",
        ),
    ],
)
def test_what_is_wrong_in_itself_is_refused_by_name(fields, param):
    with pytest.raises(InvalidField) as caught:
        chat_to_messages.request({"messages": [USER], **fields}, model="m", default_max_tokens=10)
    assert caught.value.param == param
