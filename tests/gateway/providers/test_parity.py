"""What Tollgate's wire client sends equals what the provider's own SDK sends for the same call: method, path, headers, body."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anthropic
import openai
import pytest

from tests.gateway.live import CREDENTIAL

TOOL = {
    "name": "look_up",
    "description": "Look a word up.",
    "input_schema": {"type": "object", "properties": {"word": {"type": "string"}}},
}
FUNCTION = {"type": "function", "function": {"name": "look_up", "parameters": TOOL["input_schema"]}}
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="

# Names of the software, of the connection, and of the SDK's own telemetry.
NOT_COMPARED = {"host", "user-agent", "accept-encoding", "connection", "content-length", "x-stainless-helper"}


def user(content: Any) -> list[dict[str, Any]]:
    return [{"role": "user", "content": content}]


OPENAI_CALLS: dict[str, Callable[[openai.OpenAI], Any]] = {
    "plain": lambda c: c.chat.completions.create(model="gpt-4o", messages=user("hi")),
    "sampling": lambda c: c.chat.completions.create(
        model="gpt-4o",
        messages=user("hi"),
        temperature=0.5,
        top_p=0.9,
        seed=3,
        stop=["x"],
        max_completion_tokens=9,
        logprobs=True,
    ),
    "tools": lambda c: c.chat.completions.create(
        model="gpt-4o", messages=user("hi"), tools=[FUNCTION], tool_choice="auto", parallel_tool_calls=False
    ),
    "image": lambda c: c.chat.completions.create(
        model="gpt-4o",
        messages=user(
            [
                {"type": "text", "text": "?"},
                {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}},
            ]
        ),
    ),
    "schema": lambda c: c.chat.completions.create(
        model="gpt-4o",
        messages=user("hi"),
        response_format={
            "type": "json_schema",
            "json_schema": {"name": "n", "schema": {"type": "object"}, "strict": True},
        },
    ),
    "unicode and a new field": lambda c: c.chat.completions.create(
        model="gpt-4o", messages=user("grüß 🙂"), extra_body={"brand_new": {"x": 1.5}}
    ),
    "stream": lambda c: list(
        c.chat.completions.create(
            model="gpt-4o", messages=user("hi"), stream=True, stream_options={"include_usage": True}
        )
    ),
    "embeddings": lambda c: c.embeddings.create(model="text-embedding-3-small", input=["a", "b"], dimensions=16),
}

ANTHROPIC_CALLS: dict[str, Callable[[anthropic.Anthropic], Any]] = {
    "plain": lambda c: c.messages.create(model="claude-sonnet-4-5", max_tokens=50, messages=user("hi")),
    "system, tools, thinking": lambda c: c.messages.create(
        model="claude-sonnet-4-5",
        max_tokens=2000,
        system=[{"type": "text", "text": "be brief", "cache_control": {"type": "ephemeral"}}],
        tools=[TOOL],
        tool_choice={"type": "auto", "disable_parallel_tool_use": True},
        thinking={"type": "enabled", "budget_tokens": 1024},
        messages=user("hi"),
    ),
    "image": lambda c: c.messages.create(
        model="claude-sonnet-4-5",
        max_tokens=50,
        messages=user([{"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}}]),
    ),
    "metadata": lambda c: c.messages.create(
        model="claude-sonnet-4-5", max_tokens=50, messages=user("hi"), metadata={"user_id": "ada"}, stop_sequences=["x"]
    ),
    "beta": lambda c: c.beta.messages.create(
        model="claude-sonnet-4-5", max_tokens=50, messages=user("hi"), betas=["some-beta-2025"]
    ),
    "stream": lambda c: list(
        c.messages.create(model="claude-sonnet-4-5", max_tokens=50, messages=user("hi"), stream=True)
    ),
    "count tokens": lambda c: c.messages.count_tokens(
        model="claude-sonnet-4-5", messages=user("hi"), system="be brief"
    ),
}


def seen(simulator: Any) -> dict[str, Any]:
    """The one request the simulator received, as far as it is compared."""
    (request,) = simulator.requests()
    headers = {
        name: value
        for name, value in request["headers"]
        if name not in NOT_COMPARED and not name.startswith("x-stainless")
    }
    simulator.clear()
    # `?beta=true` is how the SDK's beta namespace asks; the header is what counts.
    return {
        "method": request["method"],
        "path": request["path"].partition("?")[0],
        "headers": headers,
        "body": request["body"],
    }


@pytest.mark.parametrize("name", OPENAI_CALLS)
def test_openai(world, simulator, name):
    url = world.simulator_url
    OPENAI_CALLS[name](openai.OpenAI(base_url=f"{url}/v1", api_key=CREDENTIAL, max_retries=0))
    directly = seen(simulator)
    OPENAI_CALLS[name](openai.OpenAI(base_url=f"{world.gateway.url}/v1", api_key=world.secret, max_retries=0))
    through = seen(simulator)
    if "messages" in directly["body"] and "max_completion_tokens" not in directly["body"]:
        # What a reservation can pay for is the one thing that is added.
        assert through["body"].pop("max_completion_tokens") == 8192
    assert through == directly


@pytest.mark.parametrize("name", ANTHROPIC_CALLS)
def test_anthropic(world, simulator, name):
    ANTHROPIC_CALLS[name](anthropic.Anthropic(base_url=world.simulator_url, api_key=CREDENTIAL, max_retries=0))
    directly = seen(simulator)
    ANTHROPIC_CALLS[name](anthropic.Anthropic(base_url=world.gateway.url, api_key=world.secret, max_retries=0))
    assert seen(simulator) == directly
