"""A chat completions request (OpenAI) as a messages request (Anthropic).

Decided here: JSON mode has no counterpart, so the model is told in the system prompt; an effort becomes adaptive thinking or, for older
models, a budget; what shapes the answer and has no counterpart (seed, penalties, logprobs, verbosity, ...) is refused unless neutral.
"""

from __future__ import annotations

from typing import Any

from gateway.providers.translate import chat_content, claude_models
from gateway.providers.translate.fields import Fields, InvalidField, Untranslatable, items

NOT_SAMPLED_SO = "Anthropic's models cannot be asked for this. Leave it out."
JSON_INSTRUCTION = "Answer with one valid JSON object and nothing else: no prose, no code fence."
MOST_TEMPERATURE = 1.0
LEAST_BUDGET = 1024

EFFORTS = {"minimal": "low", "low": "low", "medium": "medium", "high": "high", "xhigh": "xhigh", "max": "max"}
BUDGETS = {"minimal": 1024, "low": 1024, "medium": 4096, "high": 16_384, "xhigh": 32_768, "max": 32_768}
TIERS = {"auto": "auto", "default": "standard_only"}
ACCEPTED = {
    "model": "the route has chosen it",
    "metadata": "labels for OpenAI's dashboard; no model sees them",
    "prompt_cache_key": "price only: which of OpenAI's caches to ask",
    "prompt_cache_retention": "price only: how long OpenAI caches",
}
ACCEPTED_OBJECTS = {
    "stream_options": ("include_usage", "include_obfuscation"),  # how the answer is delivered; its stream sees to it
    "prompt_cache_options": ("mode", "ttl"),  # price only
}


def request(body: dict[str, Any], *, model: str, default_max_tokens: int) -> dict[str, Any]:
    """The same request for Anthropic. Raises `Untranslatable` or `InvalidField`, naming the caller's field."""
    fields = Fields(body, "")
    fields.accept(*ACCEPTED)
    for name, known in ACCEPTED_OBJECTS.items():
        fields.accept_object(name, *known)
    system, messages = chat_content.messages(
        fields.need("messages", list), takes_system_turns=claude_models.takes_system_turns(model)
    )
    max_tokens = _max_tokens(fields) or default_max_tokens
    out: dict[str, Any] = {"model": model, "max_tokens": max_tokens, "messages": messages}
    if fields.take("stream", bool):
        out["stream"] = True
    _sampling(fields, out)
    _tools(fields, out)
    _output(fields, out, system)
    _effort(fields, out, model, max_tokens)
    _identity(fields, out)
    _refuse_the_rest(fields)
    if system:
        out["system"] = system
    return out


def _max_tokens(fields: Fields) -> int | None:
    """The newer field replaces the older one."""
    older, newer = fields.take("max_tokens", int), fields.take("max_completion_tokens", int)
    for name, value in (("max_tokens", older), ("max_completion_tokens", newer)):
        if value is not None and value < 1:
            raise InvalidField(name, "must be at least 1.")
    return older if newer is None else newer


def _sampling(fields: Fields, out: dict[str, Any]) -> None:
    temperature = fields.take("temperature", float)
    if temperature is not None:
        if temperature > MOST_TEMPERATURE:
            raise Untranslatable("temperature", "Anthropic's models take 0 to 1; choose a value in that range.")
        out["temperature"] = temperature
    top_p = fields.take("top_p", float)
    if top_p is not None:
        out["top_p"] = top_p
    stop = fields.take_any("stop")
    if stop is not None:
        stops = [stop] if isinstance(stop, str) else stop
        if not isinstance(stops, list) or not all(isinstance(text, str) for text in stops):
            raise InvalidField("stop", "must be a string or a list of strings.")
        out["stop_sequences"] = stops


def _tools(fields: Fields, out: dict[str, Any]) -> None:
    tools = fields.take("tools", list)
    if tools:
        out["tools"] = [_tool(tool, path) for tool, path in items(tools, "tools")]
    choice = _tool_choice(fields.take_any("tool_choice"))
    is_serial = fields.take("parallel_tool_calls", bool) is False
    if not tools:
        if choice is not None and choice["type"] in ("any", "tool"):
            raise InvalidField("tool_choice", "demands a tool, and there are no tools.")
        return  # auto and none say nothing where there is nothing to choose from, and Anthropic takes neither there
    if is_serial and (choice is None or choice["type"] != "none"):
        choice = {**(choice or {"type": "auto"}), "disable_parallel_tool_use": True}
    if choice is not None:
        out["tool_choice"] = choice


def _tool(tool: Any, path: str) -> dict[str, Any]:
    fields = Fields(tool, path)
    kind = fields.need("type", str)
    if kind != "function":
        raise Untranslatable(fields.path("type"), f"a tool of type “{kind}” exists at OpenAI only; use a function.")
    function = Fields(fields.need("function", dict), fields.path("function"))
    fields.done()
    out: dict[str, Any] = {"name": function.need("name", str)}
    description = function.take("description", str)
    if description is not None:
        out["description"] = description
    out["input_schema"] = function.take("parameters", dict) or {"type": "object", "properties": {}}
    if function.take("strict", bool):
        out["strict"] = True
    function.done()
    return out


def _tool_choice(choice: Any) -> dict[str, Any] | None:
    if choice is None:
        return None
    if isinstance(choice, str):
        kinds = {"auto": "auto", "none": "none", "required": "any"}
        if choice not in kinds:
            raise InvalidField("tool_choice", "must be auto, none, required or a named function.")
        return {"type": kinds[choice]}
    fields = Fields(choice, "tool_choice")
    kind = fields.need("type", str)
    if kind != "function":
        raise Untranslatable(
            "tool_choice.type", f"“{kind}” exists at OpenAI only; name a function, or send fewer tools."
        )
    function = Fields(fields.need("function", dict), "tool_choice.function")
    name = function.need("name", str)
    function.done()
    fields.done()
    return {"type": "tool", "name": name}


def _output(fields: Fields, out: dict[str, Any], system: list[dict[str, Any]]) -> None:
    """JSON schema has its counterpart. JSON mode has none: the model is told in the system prompt."""
    given = fields.take("response_format", dict)
    if given is None:
        return
    wanted = Fields(given, "response_format")
    kind = wanted.need("type", str)
    if kind == "json_schema":
        schema = Fields(wanted.need("json_schema", dict), "response_format.json_schema")
        out["output_config"] = {"format": {"type": "json_schema", "schema": schema.need("schema", dict)}}
        schema.accept("name", "strict")  # a label, and what Anthropic always does
        description = schema.take("description", str)
        if description:
            system.append({"type": "text", "text": f"The answer's format: {description}"})
        schema.done()
    elif kind == "json_object":
        system.append({"type": "text", "text": JSON_INSTRUCTION})
    elif kind != "text":
        raise InvalidField("response_format.type", "must be text, json_object or json_schema.")
    wanted.done()


def _effort(fields: Fields, out: dict[str, Any], model: str, max_tokens: int) -> None:
    """An older model's budget leaves a quarter of the output to the answer itself."""
    effort = fields.take("reasoning_effort", str)
    if effort is None:
        return
    if effort == "none":
        out["thinking"] = {"type": "disabled"}
    elif effort not in EFFORTS:
        raise InvalidField("reasoning_effort", f"must be none, {', '.join(EFFORTS)}.")
    elif claude_models.thinks_by_budget(model):
        if max_tokens <= LEAST_BUDGET:
            raise Untranslatable(
                "reasoning_effort", f"this model only reasons with more than {LEAST_BUDGET} output tokens."
            )
        budget = min(BUDGETS[effort], max(LEAST_BUDGET, max_tokens * 3 // 4))
        out["thinking"] = {"type": "enabled", "budget_tokens": budget}
    else:
        out["thinking"] = {"type": "adaptive"}
        out["output_config"] = {**out.get("output_config", {}), "effort": EFFORTS[effort]}


def _identity(fields: Fields, out: dict[str, Any]) -> None:
    """`safety_identifier` replaces `user`: both say who is asking, and Anthropic takes one."""
    user, identifier = fields.take("user", str), fields.take("safety_identifier", str)
    if user or identifier:
        out["metadata"] = {"user_id": identifier or user}
    tier = fields.take("service_tier", str)
    if tier is not None:
        if tier not in TIERS:
            raise Untranslatable("service_tier", f"“{tier}” exists at OpenAI only; use auto or default.")
        out["service_tier"] = TIERS[tier]


def _refuse_the_rest(fields: Fields) -> None:
    fields.refuse("n", "Anthropic's models give one answer; ask several times.", neutral=(1,))
    for name in ("frequency_penalty", "presence_penalty"):
        fields.refuse(name, NOT_SAMPLED_SO, neutral=(0, 0.0))
    fields.refuse("logprobs", NOT_SAMPLED_SO, neutral=(False,))
    fields.refuse("top_logprobs", NOT_SAMPLED_SO, neutral=(0,))
    fields.refuse("logit_bias", NOT_SAMPLED_SO, neutral=({},))
    fields.refuse("seed", NOT_SAMPLED_SO)
    fields.refuse("verbosity", NOT_SAMPLED_SO, neutral=("medium",))
    fields.refuse("modalities", "Anthropic's models answer in text only.", neutral=(["text"],))
    fields.refuse("audio", "Anthropic's models answer in text only.")
    fields.refuse("prediction", NOT_SAMPLED_SO)
    fields.refuse("web_search_options", "OpenAI's web search is not to be had from Anthropic.")
    fields.refuse("moderation", "OpenAI's moderation is not to be had from Anthropic.")
    fields.refuse("store", "Anthropic stores no completions.", neutral=(False,))
    fields.refuse("functions", "this form was replaced by tools; use those.")
    fields.refuse("function_call", "this form was replaced by tool_choice; use that.")
    fields.done()
