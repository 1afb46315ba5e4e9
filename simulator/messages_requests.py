"""Reads a Messages request (Anthropic) into an Ask, and refuses what the provider would refuse, in its words."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from simulator import messages_blocks, tokens
from simulator.ask import Ask, Section, Tool, ToolChoice
from simulator.errors import ProviderError
from simulator.messages_blocks import invalid

FIELDS = frozenset(
    {
        "cache_control", "container", "context_management", "diagnostics", "inference_geo", "max_tokens", "mcp_servers", "messages",
        "metadata", "model", "output_config", "output_format", "service_tier", "speed", "stop_sequences", "stream", "system",
        "temperature", "thinking", "tool_choice", "tools", "top_k", "top_p",
    }
)  # fmt: skip
MINIMUM_THINKING_TOKENS = 1024
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")


def parse(body: Any, *, is_strict: bool = False, needs_max_tokens: bool = True) -> Ask:
    """Raises ProviderError (400). `is_strict` refuses fields that the provider does not know; counting tokens needs no `max_tokens`."""
    if not isinstance(body, dict):
        raise ProviderError(400, "Input should be a valid dictionary")
    for name in ("model", "messages", *(("max_tokens",) if needs_max_tokens else ())):
        if name not in body:
            raise invalid(name, "Field required")
    if is_strict and (unknown := sorted(set(body) - FIELDS)):
        raise invalid(unknown[0], "Extra inputs are not permitted")
    model, messages = body["model"], body["messages"]
    if not isinstance(model, str):
        raise invalid("model", "Input should be a valid string")
    if not model:
        raise invalid("model", "String should have at least 1 character")
    if not isinstance(messages, list):
        raise invalid("messages", "Input should be a valid list")
    if not messages:
        raise ProviderError(400, "messages: at least one message is required")
    ask = Ask(surface="anthropic", model=model, sections=[])
    _options(body, ask)
    ask.sections = _tools(body, ask) + messages_blocks.read_system(body.get("system"))
    conversation = messages_blocks.read(messages)
    ask.sections += conversation.sections
    ask.last_text = conversation.last_text
    ask.tool_results = conversation.tool_results
    ask.image_count = conversation.image_count
    ask.document_count = conversation.document_count
    ask.is_prefilled = conversation.is_prefilled
    _thinking(body, ask)
    ttl = messages_blocks.ttl_of(body, "") if "cache_control" in body else None
    if ttl is not None and ask.sections[-1].ttl is None:
        ask.sections[-1] = msgspec.structs.replace(ask.sections[-1], ttl=ttl)
    messages_blocks.check_marks(ask.sections)
    return ask


def _number(body: dict[str, Any], name: str, kind: type, low: float, high: float | None = None) -> Any:
    value = body.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or (kind is int and not isinstance(value, int)):
        raise invalid(name, "Input should be a valid integer" if kind is int else "Input should be a valid number")
    number = float(value)
    if number < low:
        raise invalid(name, f"Input should be greater than or equal to {low}")
    if high is not None and number > high:
        raise invalid(name, f"Input should be less than or equal to {high}")
    return value


def _options(body: dict[str, Any], ask: Ask) -> None:
    if "max_tokens" in body and body["max_tokens"] is None:
        raise invalid("max_tokens", "Input should be a valid integer")
    ask.max_tokens = _number(body, "max_tokens", int, 1)
    _number(body, "temperature", float, 0, 1)
    _number(body, "top_p", float, 0, 1)
    _number(body, "top_k", int, 0)
    stream = body.get("stream")
    if stream is not None and not isinstance(stream, bool):
        raise invalid("stream", "Input should be a valid boolean")
    ask.is_streamed = bool(stream)
    stops = body.get("stop_sequences") or []
    if not isinstance(stops, list) or not all(isinstance(stop, str) for stop in stops):
        raise invalid("stop_sequences", "Input should be a valid list of strings")
    if not all(stop.strip() for stop in stops):
        raise ProviderError(400, "stop_sequences: each stop sequence must contain non-whitespace")
    ask.stops = stops
    metadata = body.get("metadata")
    if metadata is not None and not isinstance(metadata, dict):
        raise invalid("metadata", "Input should be a valid dictionary")
    if metadata and not isinstance(metadata.get("user_id"), str | None):
        raise invalid("metadata.user_id", "Input should be a valid string")
    if body.get("service_tier") not in (None, "auto", "standard_only"):
        raise invalid("service_tier", "Input should be 'auto' or 'standard_only'")
    wanted = body.get("output_format") or (body.get("output_config") or {}).get("format")
    if wanted is not None:
        if not isinstance(wanted, dict) or wanted.get("type") != "json_schema":
            raise invalid("output_config.format.type", "Input should be 'json_schema'")
        if not isinstance(wanted.get("schema"), dict):
            raise invalid("output_config.format.schema", "Field required")
        ask.wants_json = True
        ask.json_schema = wanted["schema"]


def _tools(body: dict[str, Any], ask: Ask) -> list[Section]:
    """Fills in the tools and the choice among them; the sections are what they add to the prompt."""
    sections: list[Section] = []
    tools = body.get("tools")
    if tools is not None and not isinstance(tools, list):
        raise invalid("tools", "Input should be a valid list")
    for index, tool in enumerate(tools or ()):
        path = f"tools.{index}"
        if not isinstance(tool, dict):
            raise invalid(path, "Input should be a valid dictionary")
        name = tool.get("name")
        if not isinstance(name, str):
            raise invalid(f"{path}.custom.name", "Field required" if name is None else "Input should be a valid string")
        if not _NAME.fullmatch(name):
            raise invalid(f"{path}.custom.name", "String should match pattern '^[a-zA-Z0-9_-]{1,128}$'")
        is_custom = tool.get("type", "custom") == "custom"
        schema = tool.get("input_schema")
        if is_custom and not isinstance(schema, dict):
            wrong = "Field required" if schema is None else "Input should be a valid dictionary"
            raise invalid(f"{path}.custom.input_schema", wrong)
        if is_custom and schema.get("type") != "object":  # type: ignore[union-attr]  # a dictionary, by the check above
            raise invalid(f"{path}.custom.input_schema.type", "Input should be 'object'")
        if any(known.name == name for known in ask.tools):
            raise ProviderError(400, "tools: Tool names must be unique.")
        ask.tools = [*ask.tools, Tool(name, schema or {})]
        text = msgspec.json.encode({key: value for key, value in tool.items() if key != "cache_control"}).decode()
        sections.append(Section(text=f"tool {text}", tokens=tokens.count(text), ttl=messages_blocks.ttl_of(tool, path)))
    ask.tool_choice = _tool_choice(body.get("tool_choice"), [tool.name for tool in ask.tools])
    return sections


def _tool_choice(choice: Any, names: list[str]) -> ToolChoice:
    if choice is None:
        return ToolChoice()
    if not isinstance(choice, dict):
        raise invalid("tool_choice", "Input should be a valid dictionary")
    kind = choice.get("type")
    if kind not in ("auto", "any", "tool", "none"):
        expected = "'auto', 'any', 'tool', 'none'"
        raise invalid(
            "tool_choice", f"Input tag '{kind}' found using 'type' does not match any of the expected tags: {expected}"
        )
    if kind in ("any", "tool") and not names:
        raise invalid("tool_choice", "tool_choice may only be specified while providing tools.")
    may_be_parallel = choice.get("disable_parallel_tool_use") is not True
    if kind == "tool":
        name = choice.get("name")
        if not isinstance(name, str):
            raise invalid(
                "tool_choice.tool.name", "Field required" if name is None else "Input should be a valid string"
            )
        if name not in names:
            raise ProviderError(400, f"Tool '{name}' not found in provided tools")
        return ToolChoice("required", name, may_be_parallel)
    return ToolChoice("required" if kind == "any" else "none" if kind == "none" else "auto", None, may_be_parallel)


def _thinking(body: dict[str, Any], ask: Ask) -> None:
    thinking = body.get("thinking")
    if thinking is None:
        return
    if not isinstance(thinking, dict):
        raise invalid("thinking", "Input should be a valid dictionary")
    kind = thinking.get("type")
    if kind not in ("enabled", "disabled", "adaptive"):
        expected = "'adaptive', 'disabled', 'enabled'"
        raise invalid(
            "thinking", f"Input tag '{kind}' found using 'type' does not match any of the expected tags: {expected}"
        )
    if kind == "disabled":
        return
    if kind == "enabled":
        budget = thinking.get("budget_tokens")
        if budget is None:
            raise invalid("thinking.enabled.budget_tokens", "Field required")
        if isinstance(budget, bool) or not isinstance(budget, int):
            raise invalid("thinking.enabled.budget_tokens", "Input should be a valid integer")
        if budget < MINIMUM_THINKING_TOKENS:
            message = f"Input should be greater than or equal to {MINIMUM_THINKING_TOKENS}"
            raise invalid("thinking.enabled.budget_tokens", message)
        if ask.max_tokens is not None and ask.max_tokens <= budget:
            raise ProviderError(400, "`max_tokens` must be greater than `thinking.budget_tokens`.")
    if body.get("temperature") not in (None, 1):
        raise ProviderError(400, "`temperature` may only be set to 1 when thinking is enabled.")
    if ask.tool_choice.mode == "required":
        raise ProviderError(400, "Thinking may not be enabled when tool_choice forces tool use.")
    if ask.is_prefilled:
        raise ProviderError(400, "messages: a final assistant message cannot be prefilled when thinking is enabled.")
    ask.thinks = True
