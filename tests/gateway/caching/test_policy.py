"""What may be cached: one answer, not too warm, without side effects, whole; and what a caller's Cache-Control asks."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.caching import policy
from gateway.caching.policy import Control
from gateway.pipeline.validator import validate
from gateway.types import CachePolicy, Endpoint, Request

EXACT = CachePolicy(exact=True)
TOOL = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}


def request(endpoint: Endpoint = Endpoint.CHAT, headers: dict[str, str] | None = None, **fields: Any) -> Request:
    body: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}
    if endpoint is Endpoint.MESSAGES:
        body["max_tokens"] = 50
    if endpoint is Endpoint.EMBEDDINGS:
        body = {"model": "m", "input": "hello"}
    return validate(endpoint, json.dumps({**body, **fields}).encode(), headers or {})


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("", Control()),
        ("no-cache", Control(no_cache=True)),
        ("No-Cache", Control(no_cache=True)),
        ("no-store", Control(no_store=True)),
        ("no-cache, no-store", Control(no_cache=True, no_store=True)),
        ("only-if-cached", Control(only_if_cached=True)),
        ("max-age=60", Control(max_age_seconds=60)),
        ('max-age = "60" ,only-if-cached', Control(max_age_seconds=60, only_if_cached=True)),
        ("max-age=0", Control(max_age_seconds=0)),
        ("max-age=soon", Control(max_age_seconds=0)),
        ("max-age=-5", Control(max_age_seconds=0)),
        ("max-age=", Control(max_age_seconds=0)),
        ("max-age=99999999999", Control(max_age_seconds=0)),
        ("max-stale=60, min-fresh=5, no-transform, x", Control()),
        (",,=,", Control()),
    ],
)
def test_cache_control_is_read_as_http_has_it(header: str, said: Control):
    assert policy.control(header) == said


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({}, ""),
        ({"temperature": 0}, ""),
        ({"temperature": 0.3}, ""),
        ({"temperature": None}, ""),
        ({"temperature": 0.31}, "temperature 0.31 above 0.3"),
        ({"temperature": 1.0}, "temperature 1 above 0.3"),
        ({"temperature": "warm"}, "its temperature is no number"),
        ({"n": 1}, ""),
        ({"n": 2}, "n is 2"),
        ({"store": False}, ""),
        ({"store": None}, ""),
        ({"store": True}, "store is asked for"),
        ({"background": True}, "background is asked for"),
        ({"container": "c_1"}, "container is asked for"),
        ({"mcp_servers": [{"url": "https://x"}]}, "mcp_servers is asked for"),
        ({"audio": {"voice": "alloy"}}, "audio is asked for"),
        ({"tools": [TOOL]}, ""),
        ({"tools": [{"type": "custom", "name": "x"}]}, ""),
        ({"tools": [{"name": "look", "input_schema": {}}]}, ""),
        ({"tools": [TOOL, {"type": "web_search_20250305", "name": "web_search"}]}, "the provider runs tools"),
        ({"web_search_options": {}}, "the provider runs tools"),
    ],
)
def test_a_request_that_wants_variety_or_more_than_an_answer_is_left_alone(fields: dict[str, Any], reason: str):
    assert policy.why_not(EXACT, request(**fields)) == reason
    if "n" not in fields:  # Anthropic's format has none
        assert policy.why_not(EXACT, request(Endpoint.MESSAGES, **fields)) == reason


def test_the_policy_says_how_warm_and_with_which_tools():
    warm = CachePolicy(exact=True, max_temperature=1.0, with_tools=True)
    assert policy.why_not(warm, request(temperature=1)) == ""
    assert policy.why_not(warm, request(temperature=1.5)) == "temperature 1.5 above 1"
    assert policy.why_not(warm, request(web_search_options={})) == ""


def test_without_a_policy_nothing_is_cached():
    assert policy.why_not(None, request()) == "no policy"
    assert policy.why_not(CachePolicy(), request()) == "switched off"


def test_where_end_users_are_kept_apart_one_must_be_named():
    apart = CachePolicy(exact=True, is_per_end_user=True)
    assert policy.why_not(apart, request()) == "no end user named"
    assert policy.why_not(apart, request(user="ada")) == ""


def test_embeddings_are_as_the_policy_says_and_token_counts_never():
    assert policy.why_not(EXACT, request(Endpoint.EMBEDDINGS)) == "embeddings are not cached"
    assert policy.why_not(CachePolicy(exact=True, embeddings=True), request(Endpoint.EMBEDDINGS)) == ""
    assert policy.why_not(EXACT, request(Endpoint.COUNT_TOKENS)) == "token counts are not cached"


def chat(content: str | None = "hi", finish: str = "stop", **message: Any) -> bytes:
    said = {"role": "assistant", "content": content, **message}
    return json.dumps({"choices": [{"index": 0, "message": said, "finish_reason": finish}]}).encode()


CALLS = {"tool_calls": [{"id": "1", "type": "function", "function": {"name": "look", "arguments": "{}"}}]}


@pytest.mark.parametrize(
    ("body", "finish", "reason"),
    [
        (chat(), "stop", ""),
        (chat(), "end_turn", ""),
        (chat(), "stop_sequence", ""),
        (chat(finish="length"), "length", "finish reason length"),
        (chat(finish="content_filter"), "content_filter", "finish reason content_filter"),
        (chat(), "pause_turn", "finish reason pause_turn"),
        (chat(), "", "finish reason unknown"),
        (chat(None, refusal="I can't."), "stop", "a refusal"),
        (chat(""), "stop", "it is empty"),
        (chat(" \n"), "stop", "it is empty"),
        (chat(None, "tool_calls", **CALLS), "tool_calls", "it calls tools"),
        (chat(None, "stop", **CALLS), "stop", "it calls tools"),
        (b"{}", "stop", "it cannot be read"),
        (b"not JSON", "stop", "it cannot be read"),
        (chat("x" * 2000), "stop", "larger than 1024 bytes"),
    ],
)
def test_only_whole_answers_of_a_bearable_size_are_kept(body: bytes, finish: str, reason: str):
    small = CachePolicy(exact=True, max_entry_bytes=1024)
    assert policy.why_not_kept(small, request(), body, finish) == reason


def test_tool_calls_are_kept_where_the_policy_says_so():
    body = chat(None, "tool_calls", **CALLS)
    assert policy.why_not_kept(CachePolicy(exact=True, with_tools=True), request(), body, "tool_calls") == ""


def test_an_anthropic_answer_is_judged_in_its_own_format():
    told = {"content": [{"type": "text", "text": "hi"}], "stop_reason": "end_turn"}
    calls = {"content": [{"type": "tool_use", "id": "1", "name": "look", "input": {}}], "stop_reason": "tool_use"}
    asked = request(Endpoint.MESSAGES)
    assert policy.why_not_kept(EXACT, asked, json.dumps(told).encode(), "end_turn") == ""
    assert policy.why_not_kept(EXACT, asked, json.dumps(calls).encode(), "tool_use") == "it calls tools"
