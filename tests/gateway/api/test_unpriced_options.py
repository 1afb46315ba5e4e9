"""What providers charge for otherwise than by tokens is refused, unless the operator lets it pass."""

from __future__ import annotations

import dataclasses

import pytest

from tests.gateway.budgets import error
from tests.gateway.live import Gateway

CHAT = {"model": "gpt-4o", "max_tokens": 20, "messages": [{"role": "user", "content": "hello"}]}
MESSAGES = {**CHAT, "model": "claude-sonnet-4-5"}
SOUND = {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}}


@pytest.mark.parametrize(
    ("path", "body", "named"),
    [
        ("chat/completions", {**CHAT, "service_tier": "priority"}, "service_tier"),
        ("chat/completions", {**CHAT, "web_search_options": {}}, "web_search_options"),
        ("chat/completions", {**CHAT, "modalities": ["audio"], "audio": {"voice": "ash", "format": "wav"}}, "audio"),
        ("chat/completions", {**CHAT, "messages": [{"role": "user", "content": [SOUND]}]}, "Audio"),
        ("messages", {**MESSAGES, "speed": "fast"}, "speed"),
        ("messages", {**MESSAGES, "inference_geo": "us"}, "inference_geo"),
        ("messages", {**MESSAGES, "tools": [{"type": "web_search_20250305", "name": "web_search"}]}, "web_search_20250305"),
    ],
)  # fmt: skip
def test_is_refused_before_anything_is_held(world, simulator, path, body, named):
    reply = world.post(f"/v1/{path}", body)
    assert reply.status == 400
    assert named in reply.json()["error"]["message"]
    assert "could not be limited" in reply.json()["error"]["message"]
    assert simulator.requests() == []


@pytest.mark.parametrize("tier", ["auto", "default", "flex", None])
def test_what_costs_no_more_passes(world, tier):
    assert world.post("/v1/chat/completions", {**CHAT, "service_tier": tier}).status == 200


@pytest.mark.parametrize("tier", [["priority"], {"priority": 1}, 7, True])
def test_what_is_no_tier_at_all_is_no_fault_of_ours(world, tier):
    assert world.post("/v1/chat/completions", {**CHAT, "service_tier": tier}).status in (200, 400)
    assert world.post("/v1/messages", {**MESSAGES, "speed": tier, "inference_geo": tier}).status in (200, 400)


def test_refusals_have_a_code_of_their_own(world):
    assert error(world.post("/v1/chat/completions", {**CHAT, "service_tier": "priority"})) == (400, "option_unpriced")


def test_operators_may_let_them_pass(world, tmp_path):
    with Gateway.running(tmp_path, TOLLGATE_UNPRICED_OPTIONS="pass") as lenient:
        other = dataclasses.replace(world, gateway=lenient)
        assert other.post("/v1/chat/completions", {**CHAT, "service_tier": "priority"}).status == 200
