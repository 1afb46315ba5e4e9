"""What the exact cache gives is what the official SDKs expect, streamed and not, whichever of the two it was made as."""

from __future__ import annotations

import json
from typing import Any

import anthropic
import openai
import pytest

from tests.gateway.caches import policy

MODELS = ["gpt-4o", "claude-sonnet-4-5"]
ASKED: list[Any] = [{"role": "user", "content": "Tell me about toll roads, please."}]
PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOLS: list[Any] = [{"type": "function", "function": {"name": "look", "parameters": PARAMETERS}}]
USES: list[Any] = [{"name": "look", "input_schema": PARAMETERS}]


@pytest.fixture
def cached(world: Any) -> Any:
    policy(world, with_tools=True)
    return world


@pytest.fixture
def openai_sdk(cached: Any) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{cached.gateway.url}/v1", api_key=cached.secret, max_retries=0)


@pytest.fixture
def anthropic_sdk(cached: Any) -> anthropic.Anthropic:
    return anthropic.Anthropic(base_url=cached.gateway.url, api_key=cached.secret, max_retries=0)


def chat(sdk: openai.OpenAI, is_stream: bool, **asked: Any) -> Any:
    """The completion, and what a cache did."""
    if not is_stream:
        raw = sdk.chat.completions.with_raw_response.create(**asked)
        return raw.parse(), raw.headers["x-tollgate-cache"]
    options = {"stream_options": {"include_usage": True}}
    with sdk.chat.completions.stream(**asked, **options) as stream:
        for _ in stream:
            pass
        return stream.get_final_completion(), stream._response.headers["x-tollgate-cache"]


def message(sdk: anthropic.Anthropic, is_stream: bool, **asked: Any) -> Any:
    """The message, and what a cache did."""
    if not is_stream:
        raw = sdk.messages.with_raw_response.create(**asked)
        return raw.parse(), raw.headers["x-tollgate-cache"]
    with sdk.messages.stream(**asked) as stream:
        for _ in stream:
            pass
        return stream.get_final_message(), stream.response.headers["x-tollgate-cache"]


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("made_as_stream", [False, True], ids=["made whole", "made as a stream"])
@pytest.mark.parametrize("tools", [False, True], ids=["words", "tools"])
def test_openai(openai_sdk, simulator, model, made_as_stream, tools):
    asked: dict[str, Any] = {"model": model, "messages": ASKED}
    if tools:
        asked |= {"tools": TOOLS, "tool_choice": {"type": "function", "function": {"name": "look"}}}
    made, did = chat(openai_sdk, made_as_stream, **asked)
    again = [chat(openai_sdk, is_stream, **asked) for is_stream in (False, True)]
    assert [did, *(told for _, told in again)] == ["miss", "hit", "hit"]
    assert simulator.totals()["requests"] == 1
    (said,) = made.choices
    assert said.message.tool_calls if tools else said.message.content
    for answer, _ in again:
        (choice,) = answer.choices
        # Beside tool calls there are no words: null, or in a stream that was translated, empty.
        assert (choice.finish_reason, choice.message.content or "") == (said.finish_reason, said.message.content or "")
        assert (answer.id, answer.model, answer.usage.total_tokens) == (made.id, made.model, made.usage.total_tokens)
        calls = [
            (call.id, call.function.name, json.loads(call.function.arguments))
            for call in choice.message.tool_calls or ()
        ]
        assert calls == [
            (call.id, call.function.name, json.loads(call.function.arguments)) for call in said.message.tool_calls or ()
        ]


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("made_as_stream", [False, True], ids=["made whole", "made as a stream"])
@pytest.mark.parametrize("tools", [False, True], ids=["words", "tools"])
def test_anthropic(anthropic_sdk, simulator, model, made_as_stream, tools):
    asked: dict[str, Any] = {"model": model, "max_tokens": 500, "messages": ASKED}
    if tools:
        asked |= {"tools": USES, "tool_choice": {"type": "tool", "name": "look"}}
    made, did = message(anthropic_sdk, made_as_stream, **asked)
    again = [message(anthropic_sdk, is_stream, **asked) for is_stream in (False, True)]
    assert [did, *(told for _, told in again)] == ["miss", "hit", "hit"]
    assert simulator.totals()["requests"] == 1
    assert made.content[0].type == ("tool_use" if tools else "text")
    for answer, _ in again:
        assert [block.to_dict() for block in answer.content] == [block.to_dict() for block in made.content]
        assert (answer.id, answer.stop_reason, answer.model) == (made.id, made.stop_reason, made.model)
        assert (answer.usage.input_tokens, answer.usage.output_tokens) == (
            made.usage.input_tokens,
            made.usage.output_tokens,
        )


def test_openai_embeddings(openai_sdk, simulator):
    """The SDK asks for base64 and decodes it."""
    first, again = (openai_sdk.embeddings.create(model="text-embedding-3-small", input="hello") for _ in range(2))
    assert again.data[0].embedding == first.data[0].embedding
    assert len(first.data[0].embedding) > 100
    assert simulator.totals()["requests"] == 1


def test_only_if_cached_raises_the_sdk_s_own_error(openai_sdk, anthropic_sdk):
    only = {"cache-control": "only-if-cached"}
    with pytest.raises(openai.InternalServerError) as refused:
        openai_sdk.chat.completions.create(model="gpt-4o", messages=ASKED, extra_headers=only)
    assert (refused.value.status_code, refused.value.code) == (504, "not_cached")
    with pytest.raises(anthropic.InternalServerError) as also:
        anthropic_sdk.messages.create(model="gpt-4o", max_tokens=5, messages=ASKED, extra_headers=only)
    assert also.value.status_code == 504
