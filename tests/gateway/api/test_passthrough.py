"""Calls to a provider of the caller's own format: what Tollgate does not know goes through untouched."""

from __future__ import annotations

import json

SECRETIVE = {"frequency_of_magic": 0.1, "nested": {"a": [1, 2.50, None, "ü"]}, "big": 123456789012345678901234567890}


def test_unknown_fields_reach_openai(world, simulator):
    assert world.chat(**SECRETIVE, seed=7).status == 200
    (received,) = simulator.requests()
    assert received["body"] == {
        "model": "gpt-4o",
        "messages": [{"role": "user", "content": "hello"}],
        "seed": 7,
        "max_completion_tokens": 8192,  # an output cap always goes upstream
        **SECRETIVE,
    }


def test_unknown_fields_reach_anthropic(world, simulator):
    assert world.message(**SECRETIVE, top_k=3).status == 200
    (received,) = simulator.requests()
    assert received["body"] == {
        "model": "claude-sonnet-4-5",
        "max_tokens": 500,
        "messages": [{"role": "user", "content": "hello"}],
        "top_k": 3,
        **SECRETIVE,
    }


def test_the_catalog_s_name_becomes_the_provider_s(world, simulator):
    world.model("house-model", "openai", upstream_id="gpt-4o-2024-08-06")
    assert world.chat("house-model").status == 200
    assert simulator.requests()[0]["body"]["model"] == "gpt-4o-2024-08-06"


def test_the_answer_s_bytes_are_the_provider_s(world):
    reply = world.chat()
    answer = reply.json()
    assert answer["object"] == "chat.completion"
    assert int(reply.headers["content-length"]) == len(reply.body)
    assert reply.headers["x-tollgate-provider"] == "openai"
    assert reply.headers["x-tollgate-model"] == "gpt-4o"
    assert reply.headers["x-tollgate-cache"] == "bypass"


def test_labels_stay_here(world, simulator):
    world.chat(metadata={"user_id": "ada", "feature": "search", "tags": ["x"], "order": "7"}, store=True)
    world.chat(metadata={"feature": "search"})
    world.message(metadata={"user_id": "ada", "feature": "search", "tags": "x,y"})
    bodies = [received["body"] for received in simulator.requests()]
    assert bodies[0]["metadata"] == {"order": "7"}
    assert "metadata" not in bodies[1]
    assert bodies[2]["metadata"] == {"user_id": "ada"}
    records = world.records(3)
    assert [(r.end_user, r.feature, r.tags) for r in records] == [
        ("ada", "search", ["x"]),
        ("", "search", []),
        ("ada", "search", ["x", "y"]),
    ]


def test_anthropics_beta_header_reaches_anthropic_and_the_caller_s_others_do_not(world, simulator):
    body = {"model": "claude-sonnet-4-5", "max_tokens": 5, "messages": [{"role": "user", "content": "x"}]}
    world.post(
        "/v1/messages", body, anthropic_beta="some-beta", x_secret="mine", cookie="a=b", x_forwarded_for="1.2.3.4"
    )
    headers = dict(simulator.requests()[0]["headers"])
    assert headers["anthropic-beta"] == "some-beta"
    assert not {"x-secret", "cookie", "x-forwarded-for"} & headers.keys()
    assert headers["authorization"] == "Bearer sk-sim-credential-0123456789"


def test_a_caller_cannot_choose_the_provider_s_address_or_credential(world, simulator):
    smuggled = {"api_base": "http://127.0.0.1:1", "base_url": "http://127.0.0.1:1", "api_key": "sk-mine"}
    assert world.chat(**smuggled, extra_body=smuggled).status == 200
    headers = dict(simulator.requests()[0]["headers"])
    assert headers["authorization"] == "Bearer sk-sim-credential-0123456789"


def test_usage_is_asked_for_in_streams_and_kept_from_who_did_not_ask(world, simulator):
    reply = world.chat(stream=True)
    assert simulator.requests()[0]["body"]["stream_options"] == {"include_usage": True}
    chunks = [json.loads(event.removeprefix(b"data: ")) for event in reply.events()[:-1]]
    assert all(chunk["choices"] for chunk in chunks)
    asked = world.chat(stream=True, stream_options={"include_usage": True, "include_obfuscation": False})
    assert simulator.requests()[1]["body"]["stream_options"] == {"include_usage": True, "include_obfuscation": False}
    last = json.loads(asked.events()[-2].removeprefix(b"data: "))
    assert (last["choices"], last["usage"]["prompt_tokens"] > 0) == ([], True)


def test_a_duplicate_field_means_the_same_here_and_there(world, simulator):
    body = b'{"model":"nope","model":"gpt-4o","messages":[{"role":"user","content":"x"}]}'
    assert world.post("/v1/chat/completions", body).status == 200
    assert simulator.requests()[0]["body"]["model"] == "gpt-4o"
