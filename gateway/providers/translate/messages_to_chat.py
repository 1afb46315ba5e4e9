"""A messages request (Anthropic) as a chat completions request (OpenAI).

Decided here: a thinking budget becomes the nearest effort, and an effort that is given goes before it. Adaptive thinking and none at all
are left to the model: a model that does not reason would refuse any `reasoning_effort`, even "none".
"""

from __future__ import annotations

from typing import Any, Literal

from gateway.providers.translate import message_content
from gateway.providers.translate.fields import Fields, InvalidField, Untranslatable, items

MaxTokensField = Literal["max_completion_tokens", "max_tokens"]
MOST_STOPS = 4
SCHEMA_NAME = "answer"
EFFORTS = frozenset({"low", "medium", "high", "xhigh", "max"})
LOW_BUDGET, MEDIUM_BUDGET = 2048, 8192  # thinking budgets (tokens) up to which low and medium effort come closest
TIERS = {"auto": "auto", "standard_only": "default"}
ONLY_THERE = "exists at Anthropic only. Leave it out."
ACCEPTED = {"model": "the route has chosen it"}
CACHE_CONTROL = ("type", "ttl")  # accepted: price only, and OpenAI caches by itself


def request(
    body: dict[str, Any],
    *,
    model: str,
    max_tokens_field: MaxTokensField = "max_completion_tokens",
    returns_reasoning: bool = False,
) -> dict[str, Any]:
    """The same request for OpenAI. Raises `Untranslatable` or `InvalidField`, naming the caller's field.

    `max_tokens_field`: compatible servers of an older make know only `max_tokens`. `returns_reasoning`: the server wants its past
    reasoning back, as `reasoning_content` of the assistant's messages; OpenAI itself refuses that field.
    """
    fields = Fields(body, "")
    fields.accept(*ACCEPTED)
    messages = message_content.messages(
        fields.need("messages", list), fields.take_any("system"), returns_reasoning=returns_reasoning
    )
    max_tokens = fields.need("max_tokens", int)
    if max_tokens < 1:
        raise Untranslatable("max_tokens", "OpenAI's models take at least 1.")
    out: dict[str, Any] = {"model": model, "messages": messages, max_tokens_field: max_tokens}
    if fields.take("stream", bool):
        out["stream"] = True
        out["stream_options"] = {"include_usage": True}
    _sampling(fields, out)
    _tools(fields, out)
    _thinking(fields, out)
    metadata = Fields(fields.take("metadata", dict) or {}, "metadata")
    user = metadata.take("user_id", str)
    metadata.accept("feature", "tags")  # Tollgate's labels
    metadata.done()
    if user:
        out["user"] = user
    tier = fields.take("service_tier", str)
    if tier is not None:
        if tier not in TIERS:
            raise InvalidField("service_tier", "must be auto or standard_only.")
        out["service_tier"] = TIERS[tier]
    fields.accept_object("cache_control", *CACHE_CONTROL)
    fields.refuse("speed", ONLY_THERE, neutral=("standard",))
    for name in (
        "container",
        "mcp_servers",
        "context_management",
        "diagnostics",
        "inference_geo",
        "user_profile_id",
        "workspace_id",
    ):
        fields.refuse(name, ONLY_THERE)
    fields.done()
    return out


def _sampling(fields: Fields, out: dict[str, Any]) -> None:
    for name in ("temperature", "top_p"):
        value = fields.take(name, float)
        if value is not None:
            out[name] = value
    fields.refuse("top_k", "OpenAI's models cannot be asked for this. Leave it out.")
    stops = fields.take("stop_sequences", list)
    if stops:
        if not all(isinstance(text, str) for text in stops):
            raise InvalidField("stop_sequences", "must be a list of strings.")
        if len(stops) > MOST_STOPS:
            raise Untranslatable("stop_sequences", f"OpenAI takes at most {MOST_STOPS}.")
        out["stop"] = stops


def _tools(fields: Fields, out: dict[str, Any]) -> None:
    tools = fields.take("tools", list)
    if tools:
        out["tools"] = [_tool(tool, path) for tool, path in items(tools, "tools")]
    given = fields.take("tool_choice", dict)
    if given is None:
        return
    choice = Fields(given, "tool_choice")
    kind = choice.need("type", str)
    if kind == "tool":
        out["tool_choice"] = {"type": "function", "function": {"name": choice.need("name", str)}}
    elif kind in ("auto", "any", "none"):
        out["tool_choice"] = {"auto": "auto", "any": "required", "none": "none"}[kind]
    else:
        raise InvalidField("tool_choice.type", "must be auto, any, none or tool.")
    is_serial = choice.take("disable_parallel_tool_use", bool)
    choice.done()
    if not tools:
        if kind in ("any", "tool"):
            raise InvalidField("tool_choice", "demands a tool, and there are no tools.")
        del out[
            "tool_choice"
        ]  # auto and none say nothing where there is nothing to choose from, and OpenAI takes neither
    elif is_serial:
        out["parallel_tool_calls"] = False


def _tool(tool: Any, path: str) -> dict[str, Any]:
    fields = Fields(tool, path)
    kind = fields.take("type", str) or "custom"
    if kind != "custom":
        raise Untranslatable(fields.path("type"), f"the tool “{kind}” runs at Anthropic only.")
    function: dict[str, Any] = {"name": fields.need("name", str)}
    description = fields.take("description", str)
    if description is not None:
        function["description"] = description
    function["parameters"] = fields.need("input_schema", dict)
    if fields.take("strict", bool):
        function["strict"] = True
    fields.accept_object("cache_control", *CACHE_CONTROL)
    fields.accept("eager_input_streaming")  # delivery only
    fields.refuse("input_examples", "OpenAI's tools carry no examples; put them into the description.", neutral=([],))
    fields.refuse("defer_loading", ONLY_THERE, neutral=(False,))
    fields.refuse("allowed_callers", ONLY_THERE, neutral=(["direct"],))
    fields.done()
    return {"type": "function", "function": function}


def _thinking(fields: Fields, out: dict[str, Any]) -> None:
    given = fields.take("thinking", dict)
    if given is not None:
        thinking = Fields(given, "thinking")
        kind = thinking.need("type", str)
        if kind == "enabled":
            budget = thinking.need("budget_tokens", int)
            out["reasoning_effort"] = "low" if budget <= LOW_BUDGET else "medium" if budget <= MEDIUM_BUDGET else "high"
        elif kind not in ("adaptive", "disabled"):
            raise Untranslatable("thinking.type", f"“{kind}” {ONLY_THERE}")
        thinking.accept("display")  # how thinking is shown; OpenAI shows none
        thinking.done()
    config = Fields(fields.take("output_config", dict) or {}, "output_config")
    effort = config.take("effort", str)
    if effort is not None:
        if effort not in EFFORTS:
            raise InvalidField("output_config.effort", "must be low, medium, high, xhigh or max.")
        out["reasoning_effort"] = effort
    wanted = config.take("format", dict)
    if wanted is not None:
        form = Fields(wanted, "output_config.format")
        if form.need("type", str) != "json_schema":
            raise InvalidField("output_config.format.type", "must be json_schema.")
        schema = {"name": SCHEMA_NAME, "schema": form.need("schema", dict), "strict": True}
        out["response_format"] = {"type": "json_schema", "json_schema": schema}
        form.done()
    config.done()
