"""What the formats can say, said through each SDK to a provider of the other kind."""

from __future__ import annotations

import json
from typing import Any

import pytest

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
    "required": ["city", "days"],
    "additionalProperties": False,
}
CLAUDE, GPT = "claude-sonnet-4-5", "gpt-4o"


def functions() -> list[Any]:
    return [{"type": "function", "function": {"name": name, "parameters": SCHEMA}} for name in ("weather", "hotels")]


def tools() -> list[Any]:
    return [{"name": name, "input_schema": SCHEMA} for name in ("weather", "hotels")]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_an_openai_app_uses_tools_of_claude_s_in_parallel_and_returns_their_results(openai_sdk, stream):
    messages: list[Any] = [
        {"role": "system", "content": "Help."},
        {"role": "user", "content": "[call:weather,hotels] Go."},
    ]
    if stream:
        with openai_sdk.chat.completions.stream(model=CLAUDE, messages=messages, tools=functions()) as events:
            for _ in events:
                pass
            answer = events.get_final_completion()
    else:
        answer = openai_sdk.chat.completions.create(model=CLAUDE, messages=messages, tools=functions())
    choice = answer.choices[0]
    assert choice.finish_reason == "tool_calls"
    assert [call.function.name for call in choice.message.tool_calls] == ["weather", "hotels"]
    for call in choice.message.tool_calls:
        assert set(json.loads(call.function.arguments)) == {"city", "days"}
    calls = [
        {
            "id": call.id,
            "type": "function",
            "function": {"name": call.function.name, "arguments": call.function.arguments},
        }
        for call in choice.message.tool_calls
    ]
    messages.append({"role": "assistant", "content": choice.message.content, "tool_calls": calls})
    messages += [{"role": "tool", "tool_call_id": call["id"], "content": "sunny"} for call in calls]
    second = openai_sdk.chat.completions.create(model=CLAUDE, messages=messages, tools=functions())
    assert second.choices[0].finish_reason == "stop"
    assert second.choices[0].message.content


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_an_anthropic_app_uses_tools_of_gpt_s_in_parallel_and_returns_their_results(anthropic_sdk, stream):
    messages: list[Any] = [{"role": "user", "content": "[call:weather,hotels] Go."}]
    call: dict[str, Any] = {"model": GPT, "max_tokens": 900, "system": "Help.", "tools": tools(), "messages": messages}
    if stream:
        with anthropic_sdk.messages.stream(**call) as events:
            answer = events.get_final_message()
    else:
        answer = anthropic_sdk.messages.create(**call)
    assert answer.stop_reason == "tool_use"
    used = [block for block in answer.content if block.type == "tool_use"]
    assert [block.name for block in used] == ["weather", "hotels"]
    assert all(set(block.input) == {"city", "days"} for block in used)
    messages.append({"role": "assistant", "content": [block.model_dump(exclude_none=True) for block in answer.content]})
    results = [
        {"type": "tool_result", "tool_use_id": block.id, "content": [{"type": "text", "text": "sunny"}]}
        for block in used
    ]
    messages.append({"role": "user", "content": [*results, {"type": "text", "text": "Thanks."}]})
    second = anthropic_sdk.messages.create(**call)
    assert second.stop_reason == "end_turn"
    assert second.content[0].text


@pytest.mark.parametrize("choice", ["required", {"type": "function", "function": {"name": "hotels"}}])
def test_an_openai_app_makes_claude_use_a_tool(openai_sdk, choice):
    answer = openai_sdk.chat.completions.create(
        model=CLAUDE,
        messages=[{"role": "user", "content": "hi"}],
        tools=functions(),
        tool_choice=choice,
        parallel_tool_calls=False,
    )
    (call,) = answer.choices[0].message.tool_calls
    assert call.function.name == ("weather" if choice == "required" else "hotels")


def test_json_schema_reaches_both(openai_sdk, anthropic_sdk):
    wanted: Any = {"type": "json_schema", "json_schema": {"name": "trip", "schema": SCHEMA, "strict": True}}
    chat = openai_sdk.chat.completions.create(
        model=CLAUDE, messages=[{"role": "user", "content": "Plan."}], response_format=wanted
    )
    assert set(json.loads(chat.choices[0].message.content)) == {"city", "days"}
    message = anthropic_sdk.messages.create(
        model=GPT,
        max_tokens=500,
        messages=[{"role": "user", "content": "Plan."}],
        output_config={"format": {"type": "json_schema", "schema": SCHEMA}},
    )
    assert set(json.loads(message.content[0].text)) == {"city", "days"}


def test_images_reach_both(simulator, openai_sdk, anthropic_sdk):
    parts: Any = [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}},
        {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
    ]
    assert (
        openai_sdk.chat.completions.create(model=CLAUDE, messages=[{"role": "user", "content": parts}])
        .choices[0]
        .message.content
    )
    sent = simulator.requests()[-1]["body"]["messages"][0]["content"]
    assert [block["type"] for block in sent] == ["text", "image", "image"]
    blocks: Any = [
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}},
        {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}},
        {"type": "text", "text": "What are these?"},
    ]
    assert (
        anthropic_sdk.messages.create(model=GPT, max_tokens=99, messages=[{"role": "user", "content": blocks}])
        .content[0]
        .text
    )
    sent = simulator.requests()[-1]["body"]["messages"][0]["content"]
    assert [part["type"] for part in sent] == ["image_url", "image_url", "text"]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_claude_s_thinking_reaches_an_openai_app_and_goes_back_signed(world, simulator, stream):
    def ask(messages: list[Any]) -> dict[str, Any]:
        body = {"model": CLAUDE, "messages": messages, "reasoning_effort": "low", "max_tokens": 4000}
        if not stream:
            return world.post("/v1/chat/completions", body).json()["choices"][0]["message"]
        message: dict[str, Any] = {"role": "assistant", "content": "", "reasoning_content": ""}
        for event in world.post("/v1/chat/completions", {**body, "stream": True}).events()[:-1]:
            delta = json.loads(event.removeprefix(b"data: "))["choices"][0]["delta"]
            message["content"] += delta.get("content") or ""
            message["reasoning_content"] += delta.get("reasoning_content") or ""
            if "thinking_blocks" in delta:
                message["thinking_blocks"] = delta["thinking_blocks"]
        return message

    first = ask([{"role": "user", "content": "Think."}])
    assert first["reasoning_content"]
    assert first["thinking_blocks"][0]["signature"]
    # The simulator refuses a signature that it did not make, as Anthropic does.
    second = ask([{"role": "user", "content": "Think."}, first, {"role": "user", "content": "Again."}])
    assert second["content"]
    assert simulator.requests()[-1]["body"]["messages"][1]["content"][0] == first["thinking_blocks"][0]


def test_thinking_asked_of_gpt_becomes_effort(world, simulator):
    reply = world.message(GPT, max_tokens=4000, thinking={"type": "enabled", "budget_tokens": 1024})
    assert reply.status == 200
    assert simulator.requests()[-1]["body"]["reasoning_effort"] == "low"
    assert world.records()[0].reasoning_tokens > 0


def test_limits_and_stops(world):
    assert world.chat(CLAUDE, max_tokens=3).json()["choices"][0]["finish_reason"] == "length"
    assert world.message(GPT, max_tokens=3).json()["stop_reason"] == "max_tokens"
    assert world.chat(CLAUDE, prompt="[refuse] it").json()["choices"][0]["finish_reason"] == "content_filter"
    assert world.message(GPT, prompt="[refuse] it").json()["stop_reason"] == "refusal"


def test_sampling_goes_to_the_version_of_anthropic_s_api_that_takes_it(world, simulator):
    assert world.chat(CLAUDE, temperature=0.2).status == 200
    assert world.chat(CLAUDE).status == 200
    versions = [dict(seen["headers"])["anthropic-version"] for seen in simulator.requests()]
    assert versions == ["2023-06-01", "2026-10-21"]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("surface", ["openai", "anthropic"])
def test_cached_tokens_are_told_in_the_caller_s_way(world, simulator, surface, stream):
    simulator.behave(input_tokens=1000, cached_tokens=600, output_tokens=5)
    options = {"stream": True, "stream_options": {"include_usage": True}} if stream else {}
    reply = world.chat(CLAUDE, **options) if surface == "openai" else world.message(GPT, stream=stream)
    if stream:
        events = [
            json.loads(event.rpartition(b"data: ")[2]) for event in reply.events() if not event.endswith(b"[DONE]")
        ]
        usage = [event["usage"] for event in events if event.get("usage")][-1]
    else:
        usage = reply.json()["usage"]
    if surface == "openai":
        assert (usage["prompt_tokens"], usage["prompt_tokens_details"]["cached_tokens"]) == (1000, 600)
    else:
        assert (usage["input_tokens"], usage["cache_read_input_tokens"]) == (400, 600)
    (record,) = world.records()
    assert (record.input_tokens, record.cache_read_tokens) == (1000, 600)


@pytest.mark.parametrize(
    ("path", "body", "param"),
    [
        ("/v1/chat/completions", {"model": CLAUDE, "seed": 7}, "seed"),
        ("/v1/chat/completions", {"model": CLAUDE, "n": 2}, "n"),
        ("/v1/messages", {"model": GPT, "max_tokens": 9, "top_k": 3}, "top_k"),
    ],
)
def test_what_cannot_be_said_is_a_400_that_names_the_field(world, simulator, path, body, param):
    reply = world.post(path, {**body, "messages": [{"role": "user", "content": "x"}]})
    assert reply.status == 400
    assert reply.json()["error"]["message"].startswith(f"{param}:")
    assert simulator.requests() == []
    assert world.records()[0].error_type == "untranslatable"
