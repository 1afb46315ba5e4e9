"""Every key of the SDKs' own types, where it stands in a request, and what becomes of it: told, accepted for a reason, or refused."""

from __future__ import annotations

import typing
from collections.abc import Callable
from typing import Any

import anthropic.types as theirs
import openai.types.chat as ours
import openai.types.shared_params as shared
from anthropic.types import message_create_params as messages_params
from openai.types.chat import chat_completion_content_part_image_param as image_part
from openai.types.chat import chat_completion_content_part_param as content_part
from openai.types.chat import completion_create_params as chat_params

from gateway.providers.translate import chat_to_messages, messages_to_chat

Body = dict[str, Any]
TOLD, ACCEPTED, REFUSED = "told", "accepted", "refused"


class Place(typing.NamedTuple):
    """An object of the SDK's type `kind`, at `path` of a body; `fields` holds each key's other value and what becomes of it."""

    kind: Any
    path: str
    translate: Callable[[Any], Body]
    base: Body
    fields: dict[str, tuple[Any, str]]


def to_messages(**fields: Any) -> Body:
    body = {"model": "x", "messages": [{"role": "user", "content": "hi"}], **fields}
    return chat_to_messages.request(body, model="claude-opus-5", default_max_tokens=50)


def to_chat(**fields: Any) -> Body:
    body = {"model": "x", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}], **fields}
    return messages_to_chat.request(body, model="gpt")


def in_chat(message: Any) -> Body:
    return to_messages(messages=[message, {"role": "user", "content": "ho"}])


def in_chat_part(part: Any) -> Body:
    return in_chat({"role": "user", "content": [part]})


def in_message(block: Any, role: str = "user") -> Body:
    return to_chat(messages=[{"role": role, "content": [block]}])


CACHED = {"type": "ephemeral"}
BREAKPOINT = ({"mode": "explicit"}, TOLD)
SCHEMA = {"type": "object", "properties": {}}
FUNCTION = {"type": "function", "function": {"name": "f"}}
TOOL = {"name": "f", "input_schema": SCHEMA}
CALL = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
PDF, GIF = "data:application/pdf;base64,AA", "data:image/gif;base64,AA"
SOURCE = {"type": "base64", "media_type": "image/png", "data": "AA"}
ASSISTANT = {"role": "assistant", "content": "hi"}

CHAT = {
    "request": Place(chat_params.CompletionCreateParamsBase, "", lambda given: to_messages(**given), {"tools": [FUNCTION]}, {
        "messages": ([{"role": "user", "content": "ho"}], TOLD), "model": ("y", ACCEPTED), "audio": ({"voice": "ash"}, REFUSED),
        "frequency_penalty": (0.5, REFUSED), "function_call": ("auto", REFUSED), "functions": ([], REFUSED),
        "logit_bias": ({"1": 1}, REFUSED),
        "logprobs": (True, REFUSED), "max_completion_tokens": (7, TOLD), "max_tokens": (7, TOLD), "metadata": ({"a": "b"}, ACCEPTED),
        "modalities": (["text", "audio"], REFUSED), "moderation": ({"model": "m"}, REFUSED), "n": (2, REFUSED),
        "parallel_tool_calls": (False, TOLD), "prediction": ({"type": "content", "content": "x"}, REFUSED),
        "presence_penalty": (0.5, REFUSED), "prompt_cache_key": ("k", ACCEPTED), "prompt_cache_options": ({"mode": "explicit"}, ACCEPTED),
        "prompt_cache_retention": ("24h", ACCEPTED), "reasoning_effort": ("low", TOLD), "response_format": ({"type": "json_object"}, TOLD),
        "safety_identifier": ("s", TOLD), "seed": (1, REFUSED), "service_tier": ("auto", TOLD), "stop": ("x", TOLD),
        "store": (True, REFUSED),
        "stream_options": ({"include_usage": True}, ACCEPTED), "temperature": (0.5, TOLD), "tool_choice": ("required", TOLD),
        "tools": ([], TOLD), "top_logprobs": (3, REFUSED), "top_p": (0.5, TOLD), "user": ("u", TOLD), "verbosity": ("low", REFUSED),
        "web_search_options": ({}, REFUSED), "stream": (True, TOLD),
    }),
    "stream options": Place(
        ours.ChatCompletionStreamOptionsParam, "stream_options", lambda given: to_messages(stream=True, stream_options=given), {},
        {"include_usage": (True, ACCEPTED), "include_obfuscation": (False, ACCEPTED)},
    ),
    "cache options": Place(
        chat_params.PromptCacheOptions, "prompt_cache_options", lambda given: to_messages(prompt_cache_options=given), {},
        {"mode": ("explicit", ACCEPTED), "ttl": ("30m", ACCEPTED)},
    ),
    "system": Place(ours.ChatCompletionSystemMessageParam, "messages[0]", in_chat, {"role": "system", "content": "a"}, {
        "content": ("b", TOLD), "name": ("n", REFUSED),
    }),
    "developer": Place(ours.ChatCompletionDeveloperMessageParam, "messages[0]", in_chat, {"role": "developer", "content": "a"}, {
        "content": ("b", TOLD), "name": ("n", REFUSED),
    }),
    "user": Place(ours.ChatCompletionUserMessageParam, "messages[0]", in_chat, {"role": "user", "content": "a"}, {
        "content": ("b", TOLD), "name": ("n", REFUSED),
    }),
    "assistant": Place(ours.ChatCompletionAssistantMessageParam, "messages[0]", in_chat, ASSISTANT, {
        "content": ("b", TOLD), "name": ("n", REFUSED), "audio": ({"id": "1"}, REFUSED), "function_call": ({"name": "f"}, REFUSED),
        "refusal": ("no", TOLD), "tool_calls": ([CALL], TOLD),
    }),
    "tool": Place(
        ours.ChatCompletionToolMessageParam, "messages[0]", in_chat, {"role": "tool", "tool_call_id": "c", "content": "a"},
        {"content": ("b", TOLD), "tool_call_id": ("d", TOLD)},
    ),
    "call": Place(
        ours.ChatCompletionMessageFunctionToolCallParam, "messages[0].tool_calls[0]",
        lambda given: in_chat({**ASSISTANT, "tool_calls": [given]}), CALL,
        {"id": ("d", TOLD), "function": ({"name": "g", "arguments": "{}"}, TOLD)},
    ),
    "text part": Place(ours.ChatCompletionContentPartTextParam, "messages[0].content[0]", in_chat_part, {"type": "text", "text": "a"}, {
        "text": ("b", TOLD), "prompt_cache_breakpoint": BREAKPOINT,
    }),
    "image part": Place(
        ours.ChatCompletionContentPartImageParam, "messages[0].content[0]", in_chat_part,
        {"type": "image_url", "image_url": {"url": "https://a"}},
        {"image_url": ({"url": GIF}, TOLD), "prompt_cache_breakpoint": BREAKPOINT},
    ),
    "image": Place(
        image_part.ImageURL, "messages[0].content[0].image_url",
        lambda given: in_chat_part({"type": "image_url", "image_url": given}), {"url": "https://a"},
        {"url": (GIF, TOLD), "detail": ("low", REFUSED)},
    ),
    "file part": Place(
        content_part.File, "messages[0].content[0]", in_chat_part, {"type": "file", "file": {"file_data": PDF}},
        {"file": ({"file_data": PDF + "AA"}, TOLD), "prompt_cache_breakpoint": BREAKPOINT},
    ),
    "file": Place(
        content_part.FileFile, "messages[0].content[0].file", lambda given: in_chat_part({"type": "file", "file": given}),
        {"file_data": PDF}, {"file_data": (PDF + "AA", TOLD), "file_id": ("f", REFUSED), "filename": ("a.pdf", TOLD)},
    ),
    "refusal part": Place(
        ours.ChatCompletionContentPartRefusalParam, "messages[0].content[0]",
        lambda given: in_chat({"role": "assistant", "content": [given]}), {"type": "refusal", "refusal": "a"}, {"refusal": ("b", TOLD)},
    ),
    "tool definition": Place(ours.ChatCompletionFunctionToolParam, "tools[0]", lambda given: to_messages(tools=[given]), FUNCTION, {
        "function": ({"name": "g"}, TOLD),
    }),
    "function": Place(
        shared.FunctionDefinition, "tools[0].function", lambda given: to_messages(tools=[{**FUNCTION, "function": given}]), {"name": "f"},
        {"name": ("g", TOLD), "description": ("d", TOLD), "parameters": ({"type": "object"}, TOLD), "strict": (True, TOLD)},
    ),
    "schema": Place(
        shared.response_format_json_schema.JSONSchema, "response_format.json_schema",
        lambda given: to_messages(response_format={"type": "json_schema", "json_schema": given}), {"name": "n", "schema": SCHEMA},
        {"name": ("m", ACCEPTED), "description": ("d", TOLD), "schema": ({"type": "object"}, TOLD), "strict": (True, ACCEPTED)},
    ),
}  # fmt: skip

MESSAGES = {
    "request": Place(messages_params.MessageCreateParamsBase, "", lambda given: to_chat(**given), {"tools": [TOOL]}, {
        "max_tokens": (7, TOLD), "messages": ([{"role": "user", "content": "ho"}], TOLD), "model": ("y", ACCEPTED),
        "cache_control": (CACHED, ACCEPTED), "container": ("c", REFUSED), "diagnostics": ({}, REFUSED), "inference_geo": ("us", REFUSED),
        "metadata": ({"user_id": "u"}, TOLD), "output_config": ({"effort": "low"}, TOLD), "service_tier": ("auto", TOLD),
        "speed": ("fast", REFUSED), "stop_sequences": (["x"], TOLD), "system": ("s", TOLD),
        "thinking": ({"type": "enabled", "budget_tokens": 2000}, TOLD), "tool_choice": ({"type": "any"}, TOLD), "tools": ([], TOLD),
        "user_profile_id": ("p", REFUSED), "workspace_id": ("w", REFUSED), "stream": (True, TOLD),
        # Of older versions of the API, and of its beta:
        "temperature": (0.5, TOLD), "top_p": (0.5, TOLD), "top_k": (3, REFUSED), "mcp_servers": ([], REFUSED),
        "context_management": ({}, REFUSED),
    }),
    "metadata": Place(theirs.MetadataParam, "metadata", lambda given: to_chat(metadata=given), {}, {"user_id": ("u", TOLD)}),
    "output": Place(theirs.OutputConfigParam, "output_config", lambda given: to_chat(output_config=given), {}, {
        "effort": ("low", TOLD), "format": ({"type": "json_schema", "schema": SCHEMA}, TOLD),
    }),
    "format": Place(
        theirs.JSONOutputFormatParam, "output_config.format", lambda given: to_chat(output_config={"format": given}),
        {"type": "json_schema", "schema": SCHEMA}, {"schema": ({"type": "object"}, TOLD)},
    ),
    "enabled thinking": Place(
        theirs.ThinkingConfigEnabledParam, "thinking", lambda given: to_chat(thinking=given), {"type": "enabled", "budget_tokens": 1024},
        {"budget_tokens": (30_000, TOLD), "display": ("omitted", ACCEPTED)},
    ),
    "adaptive thinking": Place(
        theirs.ThinkingConfigAdaptiveParam, "thinking", lambda given: to_chat(thinking=given), {"type": "adaptive"},
        {"display": ("omitted", ACCEPTED)},
    ),
    "cache control": Place(theirs.CacheControlEphemeralParam, "cache_control", lambda given: to_chat(cache_control=given), CACHED, {
        "ttl": ("1h", ACCEPTED),
    }),
    "turn": Place(
        theirs.UserMessageParam, "messages[0]", lambda given: to_chat(messages=[given]), {"role": "user", "content": "a"},
        {"content": ("b", TOLD)},
    ),
    "text": Place(theirs.TextBlockParam, "messages[0].content[0]", in_message, {"type": "text", "text": "a"}, {
        "text": ("b", TOLD), "cache_control": (CACHED, ACCEPTED), "citations": ([{}], REFUSED),
    }),
    "image": Place(theirs.ImageBlockParam, "messages[0].content[0]", in_message, {"type": "image", "source": SOURCE}, {
        "source": ({"type": "url", "url": "https://a"}, TOLD), "cache_control": (CACHED, ACCEPTED),
        "transformations": ({"oversized_image": "error"}, REFUSED),
    }),
    "base64 image": Place(
        theirs.Base64ImageSourceParam, "messages[0].content[0].source", lambda given: in_message({"type": "image", "source": given}),
        SOURCE,
        {"data": ("BB", TOLD), "media_type": ("image/gif", TOLD)},
    ),
    "document": Place(
        theirs.DocumentBlockParam, "messages[0].content[0]", in_message,
        {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "AA"}}, {
            "source": ({"type": "text", "media_type": "text/plain", "data": "x"}, TOLD), "cache_control": (CACHED, ACCEPTED),
            "citations": ({"enabled": True}, REFUSED), "context": ("c", REFUSED), "title": ("t", TOLD),
        },
    ),
    "tool use": Place(
        theirs.ToolUseBlockParam, "messages[0].content[0]", lambda given: in_message(given, "assistant"),
        {"type": "tool_use", "id": "t", "name": "f", "input": {}}, {
            "id": ("u", TOLD), "input": ({"a": 1}, TOLD), "name": ("g", TOLD), "cache_control": (CACHED, ACCEPTED),
            "caller": ({"type": "code_execution_20250825", "tool_id": "x"}, REFUSED), "toolset_name": ("s", REFUSED),
        },
    ),
    "tool result": Place(
        theirs.ToolResultBlockParam, "messages[0].content[0]", in_message, {"type": "tool_result", "tool_use_id": "t", "content": "a"}, {
            "tool_use_id": ("u", TOLD), "cache_control": (CACHED, ACCEPTED), "content": ("b", TOLD), "is_error": (True, TOLD),
            "toolset_name": ("s", REFUSED),
        },
    ),
    "tool definition": Place(
        theirs.ToolParam, "tools[0]", lambda given: to_chat(tools=[given]), {"name": "f", "input_schema": SCHEMA}, {
            "input_schema": ({"type": "object"}, TOLD), "name": ("g", TOLD), "allowed_callers": (["code_execution_20250825"], REFUSED),
            "cache_control": (CACHED, ACCEPTED), "defer_loading": (True, REFUSED), "description": ("d", TOLD),
            "eager_input_streaming": (True, ACCEPTED), "input_examples": ([{}], REFUSED), "strict": (True, TOLD),
        },
    ),
}  # fmt: skip
