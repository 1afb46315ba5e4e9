from __future__ import annotations

import json

import pytest

from simulator import tokens
from simulator.client import SimulatorRefused

CHAT = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Hello"}]}


def said(raw: bytes) -> str:
    return json.loads(raw)["choices"][0]["message"]["content"]


def test_follows_the_options_of_a_models_name(post):
    name = "sim-gpt?output_text=Good%20day%20to%20you&reported_output_tokens=99&input_tokens=500&cached_tokens=200"
    answer = json.loads(post("/v1/chat/completions", {**CHAT, "model": name})[2])
    assert answer["model"] == name
    assert answer["choices"][0]["message"]["content"] == "Good day to you"
    usage = answer["usage"]
    assert (usage["prompt_tokens"], usage["completion_tokens"], usage["prompt_tokens_details"]["cached_tokens"]) == (
        500,
        99,
        200,
    )


def test_refuses_an_option_that_it_does_not_know(post):
    status, _, raw = post("/v1/chat/completions", {**CHAT, "model": "sim-gpt?latncy=5"})
    assert (status, json.loads(raw)["error"]["param"]) == (400, "model")
    assert "latncy" in json.loads(raw)["error"]["message"]


def test_puts_control_over_the_models_name_and_later_rules_over_earlier_ones(post, simulator):
    simulator.client.behave(output_text="first", latency_ms=1)
    simulator.client.behave(output_text="second")
    assert said(post("/v1/chat/completions", {**CHAT, "model": "m?output_text=named"})[2]) == "second"
    simulator.client.reset()
    assert said(post("/v1/chat/completions", {**CHAT, "model": "m?output_text=named"})[2]) == "named"


def test_expires_a_rule_after_its_times(post, simulator):
    simulator.client.behave(fault="500", times=2)
    assert [post("/v1/chat/completions", CHAT)[0] for _ in range(3)] == [500, 500, 200]


def test_limits_a_rule_to_a_model_a_path_and_a_key(post, simulator):
    simulator.client.behave(model="gpt-*", path="/v1/chat/*", api_key="sk-one", fault="500")
    assert post("/v1/chat/completions", CHAT, authorization="Bearer sk-one")[0] == 500
    assert post("/v1/chat/completions", {**CHAT, "model": "gpt-5?chunk_ms=0"}, authorization="Bearer sk-one")[0] == 500
    assert post("/v1/chat/completions", {**CHAT, "model": "o3"}, authorization="Bearer sk-one")[0] == 200
    assert post("/v1/chat/completions", CHAT, authorization="Bearer sk-two")[0] == 200
    assert post("/v1/embeddings", {"model": "gpt-embed", "input": "x"}, authorization="Bearer sk-one")[0] == 200


def test_answers_with_exactly_the_tokens_and_headers_it_is_told(post, simulator):
    simulator.client.behave(output_tokens=777, headers={"x-extra": "yes", "x-ratelimit-remaining-requests": "0"})
    _, headers, raw = post("/v1/chat/completions", CHAT)
    assert tokens.count(said(raw)) == json.loads(raw)["usage"]["completion_tokens"] == 777
    assert (headers["x-extra"], headers["x-ratelimit-remaining-requests"]) == ("yes", "0")


def test_leaves_the_usage_out_and_refuses_unknown_fields_when_told(post, simulator):
    simulator.client.behave(omit_usage=True)
    assert "usage" not in json.loads(post("/v1/chat/completions", CHAT)[2])
    simulator.client.behave(strict=True)
    status, _, raw = post("/v1/chat/completions", {**CHAT, "brand_new": 1})
    assert (status, json.loads(raw)["error"]["code"]) == (400, "unknown_parameter")
    assert post("/v1/messages", {**CHAT, "max_tokens": 5, "brand_new": 1})[0] == 400


def test_refuses_a_prompt_beyond_the_context_window(post, simulator):
    simulator.client.behave(context_window=5)
    status, _, raw = post("/v1/chat/completions", CHAT)
    assert (status, json.loads(raw)["error"]["code"]) == (400, "context_length_exceeded")
    assert b"prompt is too long" in post("/v1/messages", {**CHAT, "max_tokens": 5})[2]


def test_puts_several_chunks_into_a_write_and_several_tokens_into_a_chunk(post, simulator):
    plain = post("/v1/chat/completions", {**CHAT, "stream": True})[2]
    simulator.client.behave(chunks_per_write=5)
    assert post("/v1/chat/completions", {**CHAT, "stream": True})[2].count(b"data: ") == plain.count(b"data: ")
    assert simulator.client.requests(limit=1)[0]["chunks_sent"] == simulator.client.requests()[0]["chunks_sent"]
    simulator.client.behave(tokens_per_chunk=1000)
    post("/v1/chat/completions", {**CHAT, "stream": True})
    assert simulator.client.requests(limit=1)[0]["chunks_sent"] == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"fault": "explode"}, "explode"),
        ({"latency": 5}, "latency"),
        ({"latency_ms": -1}, "latency_ms"),
        ({"times": 0}, "times"),
        ({"status": 200}, "status"),
    ],
)
def test_refuses_bad_control_input_clearly(simulator, options, message):
    with pytest.raises(SimulatorRefused, match=message):
        simulator.client.behave(**options)


def test_keeps_what_it_received(post, simulator):
    post("/v1/chat/completions", CHAT, x_custom="one")
    post("/v1/chat/completions", b"{nope")
    post("/v1/messages", {**CHAT, "model": "sim-claude?output_tokens=2", "max_tokens": 5, "stream": True})
    first, second, third = simulator.client.requests()
    assert (first["method"], first["path"], first["surface"]) == ("POST", "/v1/chat/completions", "openai")
    assert (first["body"], first["model"], first["outcome"], first["status"]) == (CHAT, "gpt-4o", "completed", 200)
    assert ["x-custom", "one"] in first["headers"]
    assert (second["body"], second["outcome"], second["usage"]) == ({"base64": "e25vcGU="}, "refused", None)
    assert (third["surface"], third["stream"], third["chunks_sent"], third["usage"]["output_tokens"]) == (
        "anthropic",
        True,
        2,
        2,
    )
    assert [entry["seq"] for entry in simulator.client.requests(since=first["seq"])] == [second["seq"], third["seq"]]
    assert simulator.client.requests(limit=1) == [third]
    assert simulator.client.requests(model="sim-claude") == [third]


def test_adds_up_usage_by_model_and_outcome(post, simulator):
    post("/v1/chat/completions", CHAT)
    post("/v1/chat/completions", CHAT)
    post("/v1/chat/completions", {**CHAT, "model": "broken?fault=503"})
    totals = simulator.client.totals()
    used = [entry["usage"] for entry in simulator.client.requests(model="gpt-4o")]
    assert (totals["requests"], totals["by_outcome"]) == (3, {"completed": 2, "fault:503": 1})
    assert totals["by_model"]["gpt-4o"]["usage"] == {name: sum(usage[name] for usage in used) for name in used[0]}
    assert totals["usage"] == totals["by_model"]["gpt-4o"]["usage"]
    simulator.client.clear()
    assert (simulator.client.totals()["requests"], simulator.client.requests()) == (0, [])


def test_answers_health_checks_and_unknown_paths(post):
    assert post("/healthz", b"", method="GET")[::2] == (200, b"ok")
    status, _, raw = post("/v1/nothing", {})
    assert (status, json.loads(raw)["error"]["message"]) == (404, "Invalid URL (POST /v1/nothing)")
    assert post("/v1/chat/completions", b"", method="GET")[0] == 405
    assert post("/__sim__/nothing", {})[0] == 404
    assert post("/__sim__/requests?limit=x", b"", method="GET")[0] == 400


def test_lists_models_in_the_format_of_the_client(gpt, claude):
    assert "gpt-4o" in [model.id for model in gpt.models.list()]
    assert gpt.models.retrieve("anything").id == "anything"
    assert "sim-claude" in [model.id for model in claude.models.list(limit=2)]
    assert claude.models.retrieve("anything").type == "model"
