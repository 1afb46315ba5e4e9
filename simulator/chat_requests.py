"""Reads a Chat Completions request (OpenAI) into an Ask, and refuses what the provider would refuse, in its words."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from simulator import chat_messages, tokens
from simulator.ask import Ask, Section, Tool, ToolChoice
from simulator.errors import ProviderError
from simulator.field_checks import (
    expect_object,
    expect_string,
    missing,
    optional,
    optional_choice,
    optional_number,
    wrong_type,
    wrong_value,
)
from simulator.prefix_cache import takes_breakpoints

FIELDS = frozenset(
    {
        "audio", "frequency_penalty", "function_call", "functions", "logit_bias", "logprobs", "max_completion_tokens",
        "max_tokens", "messages", "metadata", "modalities", "model", "moderation", "n", "parallel_tool_calls",
        "prediction", "presence_penalty", "prompt_cache_key", "prompt_cache_options", "prompt_cache_retention",
        "reasoning_effort", "response_format", "safety_identifier", "seed", "service_tier", "stop", "store", "stream",
        "stream_options", "temperature", "tool_choice", "tools", "top_logprobs", "top_p", "user", "verbosity",
        "web_search_options",
    }
)  # fmt: skip
LONGEST_CACHE_KEY = 64
EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
TIERS = ("auto", "default", "flex", "scale", "priority", "fast")
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


def parse(body: Any, *, is_strict: bool = False) -> Ask:
    """Raises ProviderError (400). `is_strict` refuses fields that the provider does not know."""
    if not isinstance(body, dict):
        raise ProviderError(400, "Invalid body: expected a JSON object.")
    model = body.get("model")
    if not model:
        raise ProviderError(400, "you must provide a model parameter")
    if not isinstance(model, str):
        raise wrong_type("model", "a string", model)
    if is_strict and (unknown := sorted(set(body) - FIELDS)):
        raise ProviderError(400, f"Unknown parameter: '{unknown[0]}'.", param=unknown[0], code="unknown_parameter")
    if "messages" not in body:
        raise missing("messages")
    messages = body["messages"]
    if not isinstance(messages, list):
        raise wrong_type("messages", "an array of objects", messages)
    if not messages:
        message = (
            "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an empty array instead."
        )
        raise ProviderError(400, message, param="messages", code="empty_array")
    ask = Ask(surface="openai", model=model, sections=[])
    tool_sections = _tools(body, ask)
    conversation = chat_messages.read(messages)
    ask.sections = tool_sections + conversation.sections
    ask.last_text = conversation.last_text
    ask.tool_results = conversation.tool_results
    ask.image_count = conversation.image_count
    ask.document_count = conversation.document_count
    if len(body) > 2:
        _options(body, ask)
    _caching(body, ask)
    return ask


def _options(body: dict[str, Any], ask: Ask) -> None:
    old, new = (optional_number(body, name, int, 1) for name in ("max_tokens", "max_completion_tokens"))
    if old is not None and new is not None:
        message = "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported."
        raise ProviderError(400, message, param="max_tokens", code="invalid_parameter_combination")
    ask.max_tokens = old if new is None else new
    optional_number(body, "temperature", float, 0, 2)
    optional_number(body, "top_p", float, 0, 1)
    optional_number(body, "presence_penalty", float, -2, 2)
    optional_number(body, "frequency_penalty", float, -2, 2)
    optional(body, "seed", int, "an integer")
    optional(body, "user", str, "a string")
    optional(body, "metadata", dict, "an object")
    ask.choice_count = optional_number(body, "n", int, 1, 128) or 1
    ask.is_streamed = bool(optional(body, "stream", bool, "a boolean"))
    ask.reasoning_effort = optional_choice(body, "reasoning_effort", EFFORTS)
    ask.service_tier = optional_choice(body, "service_tier", TIERS)
    ask.stops = _stops(body)
    stream_options = optional(body, "stream_options", dict, "an object")
    if stream_options is not None:
        if not ask.is_streamed:
            message = "The 'stream_options' parameter is only allowed when 'stream' is enabled."
            raise ProviderError(400, message, param="stream_options")
        ask.wants_usage_chunk = stream_options.get("include_usage") is True
    top_logprobs = optional_number(body, "top_logprobs", int, 0, 20)
    if optional(body, "logprobs", bool, "a boolean"):
        ask.top_logprobs = top_logprobs or 0
    elif top_logprobs is not None:
        message = "The 'top_logprobs' parameter is only allowed when 'logprobs' is enabled."
        raise ProviderError(400, message, param="top_logprobs")
    _response_format(body, ask)


def _caching(body: dict[str, Any], ask: Ask) -> None:
    ask.cache_key = optional(body, "prompt_cache_key", str, "a string") or ""
    if len(ask.cache_key) > LONGEST_CACHE_KEY:
        message = (
            f"Invalid 'prompt_cache_key': string too long. Expected a string with maximum length {LONGEST_CACHE_KEY}."
        )
        raise ProviderError(400, message, param="prompt_cache_key", code="string_above_max_length")
    options = optional(body, "prompt_cache_options", dict, "an object")
    is_marked = any(section.ttl for section in ask.sections)
    if (options is not None or is_marked) and takes_breakpoints(ask.model) is False:
        name = "prompt_cache_options" if options is not None else "prompt_cache_breakpoint"
        raise ProviderError(400, f"Unsupported parameter: '{name}' is not supported with this model.", param=name)
    if options is not None:
        ask.caches_explicitly = optional_choice(options, "mode", ("implicit", "explicit")) == "explicit"


def _stops(body: dict[str, Any]) -> list[str]:
    stop = body.get("stop")
    if stop is None:
        return []
    stops = [stop] if isinstance(stop, str) else stop
    if not isinstance(stops, list) or not all(isinstance(item, str) and item for item in stops):
        raise wrong_type("stop", "one of a string or array of strings", stop)
    if len(stops) > 4:
        message = f"Invalid 'stop': array too long. Expected an array with maximum length 4, but got an array with length {len(stops)}."
        raise ProviderError(400, message, param="stop", code="array_above_max_length")
    return stops


def _response_format(body: dict[str, Any], ask: Ask) -> None:
    wanted = optional(body, "response_format", dict, "an object")
    if wanted is None:
        return
    kind = expect_string(wanted, "type", "response_format.type")
    if kind == "json_object":
        if not any("json" in section.text.lower() for section in ask.sections):
            message = (
                "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'."
            )
            raise ProviderError(400, message, param="messages")
        ask.wants_json = True
    elif kind == "json_schema":
        if "json_schema" not in wanted:
            raise missing("response_format.json_schema")
        described = expect_object(wanted["json_schema"], "response_format.json_schema")
        expect_string(described, "name", "response_format.json_schema.name")
        ask.wants_json = True
        ask.json_schema = expect_object(described.get("schema", {}), "response_format.json_schema.schema")
    elif kind != "text":
        raise wrong_value("response_format.type", kind, ("json_object", "json_schema", "text"))


def _tools(body: dict[str, Any], ask: Ask) -> list[Section]:
    """Fills in the tools and the choice among them; the sections are what they add to the prompt."""
    sections: list[Section] = []
    tools = optional(body, "tools", list, "an array of objects")
    if tools is not None and not tools:
        message = (
            "Invalid 'tools': empty array. Expected an array with minimum length 1, but got an empty array instead."
        )
        raise ProviderError(400, message, param="tools", code="empty_array")
    for index, item in enumerate(tools or ()):
        at = f"tools[{index}]"
        tool = expect_object(item, at)
        kind = expect_string(tool, "type", f"{at}.type")
        if kind not in ("function", "custom"):
            raise wrong_value(f"{at}.type", kind, ("function", "custom"))
        if kind not in tool:
            raise missing(f"{at}.{kind}")
        function = expect_object(tool[kind], f"{at}.{kind}")
        name = expect_string(function, "name", f"{at}.{kind}.name")
        if not _NAME.fullmatch(name):
            message = f"Invalid '{at}.{kind}.name': string does not match pattern. Expected a string that matches '^[a-zA-Z0-9_-]+$'."
            raise ProviderError(400, message, param=f"{at}.{kind}.name", code="invalid_value")
        schema = expect_object(function.get("parameters") or {}, f"{at}.{kind}.parameters")
        ask.tools = [*ask.tools, Tool(name, schema)]
        text = msgspec.json.encode(function).decode()
        sections.append(Section(text=f"tool\n{text}\n", tokens=tokens.count(text)))
    ask.tool_choice = _tool_choice(body, [tool.name for tool in ask.tools])
    return sections


def _tool_choice(body: dict[str, Any], names: list[str]) -> ToolChoice:
    parallel = optional(body, "parallel_tool_calls", bool, "a boolean")
    may_be_parallel = parallel is not False
    choice = body.get("tool_choice")
    for name, value in (("tool_choice", choice), ("parallel_tool_calls", parallel)):
        if value is not None and value != "none" and not names:
            raise ProviderError(400, f"'{name}' is only allowed when 'tools' are specified.", param=name)
    if choice is None or choice == "auto":
        return ToolChoice("auto", None, may_be_parallel)
    if choice in ("none", "required"):
        return ToolChoice(choice, None, may_be_parallel)
    if isinstance(choice, str):
        raise wrong_value("tool_choice", choice, ("none", "auto", "required"))
    kind = expect_string(expect_object(choice, "tool_choice"), "type", "tool_choice.type")
    if kind == "allowed_tools":
        allowed = expect_object(choice.get("allowed_tools"), "tool_choice.allowed_tools")
        mode = expect_string(allowed, "mode", "tool_choice.allowed_tools.mode")
        if mode not in ("auto", "required"):
            raise wrong_value("tool_choice.allowed_tools.mode", mode, ("auto", "required"))
        return ToolChoice("required" if mode == "required" else "auto", None, may_be_parallel)
    if kind not in ("function", "custom"):
        raise wrong_value("tool_choice.type", kind, ("function", "allowed_tools", "custom"))
    name = expect_string(expect_object(choice.get(kind), f"tool_choice.{kind}"), "name", f"tool_choice.{kind}.name")
    if name not in names:
        raise ProviderError(400, f"Tool choice '{name}' not found in 'tools' parameter.", param="tool_choice")
    return ToolChoice("required", name, may_be_parallel)
