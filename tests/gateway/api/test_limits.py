"""Limits of a key, over every process that serves it."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

from tenants import api_keys
from tests.gateway.live import Gateway, Reply, wait_until

BODY = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}]}


def fire(gateways: list[Gateway], secret: str, count: int) -> list[Reply]:
    """`count` requests, 32 at a time, over the gateways in turn."""
    body = json.dumps(BODY).encode()

    def one(number: int) -> Reply:
        gateway = gateways[number % len(gateways)]
        return gateway.request("POST", "/v1/chat/completions", body, authorization=f"Bearer {secret}")

    with ThreadPoolExecutor(32) as pool:
        return list(pool.map(one, range(count)))


def test_requests_per_minute_hold_exactly_over_two_processes(world, simulator, tmp_path):
    made = api_keys.create(world.tenant, name="sixty", requests_per_minute=60)
    with Gateway.running(tmp_path) as second:
        replies = fire([world.gateway, second], made.secret, 150)
    statuses = [reply.status for reply in replies]
    assert (statuses.count(200), statuses.count(429)) == (60, 90)
    assert len(simulator.requests()) == 60
    remaining = sorted(int(reply.headers["x-ratelimit-remaining-requests"]) for reply in replies if reply.status == 200)
    assert remaining == list(range(60))
    refused = next(reply for reply in replies if reply.status == 429)
    assert refused.json()["error"]["code"] == "requests_per_minute_exceeded"
    assert refused.json()["error"]["type"] == "rate_limit_error"
    assert 1 <= int(refused.headers["retry-after"]) <= 63
    assert len([record for record in world.records(150) if record.outcome == "refused"]) == 90


def test_concurrency_holds_and_places_come_free(world, simulator):
    made = api_keys.create(world.tenant, name="four", max_concurrency=4)
    simulator.behave(latency_ms=60_000)
    with ThreadPoolExecutor(1) as pool:
        fired = pool.submit(fire, [world.gateway], made.secret, 24)
        wait_until(lambda: len([row for row in world.records_so_far() if row.status == 429]) == 20)
        simulator.reset()
        statuses = [reply.status for reply in fired.result()]
    assert (statuses.count(200), statuses.count(429)) == (4, 20)
    assert [reply.status for reply in fire([world.gateway], made.secret, 3)] == [200, 200, 200]


def test_a_place_comes_free_whatever_became_of_the_request(world, simulator):
    made = api_keys.create(world.tenant, name="one", max_concurrency=1)
    for fault in ("500", "reset", "400", "bad_json"):
        simulator.behave(fault=fault)
        assert world.post("/v1/chat/completions", BODY, secret=made.secret).status >= 400
    simulator.reset()
    world.post("/v1/chat/completions", {**BODY, "model": "nope"}, secret=made.secret)
    assert world.post("/v1/chat/completions", BODY, secret=made.secret).status == 200


def test_a_refused_request_counts_towards_nothing(world, simulator):
    made = api_keys.create(world.tenant, name="both", requests_per_minute=3, max_concurrency=1)
    simulator.behave(latency_ms=60_000)
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(world.post, "/v1/chat/completions", BODY, secret=made.secret)
        wait_until(simulator.requests)
        for _ in range(5):
            assert (
                world.post("/v1/chat/completions", BODY, secret=made.secret).json()["error"]["code"]
                == "concurrency_exceeded"
            )
        simulator.reset()
        assert slow.result().status == 200
    assert [world.post("/v1/chat/completions", BODY, secret=made.secret).status for _ in range(3)] == [200, 200, 429]


def test_an_edited_limit_is_in_force_on_the_next_request(world):
    made = api_keys.create(world.tenant, name="edited", requests_per_minute=1)
    assert [world.post("/v1/chat/completions", BODY, secret=made.secret).status for _ in range(2)] == [200, 429]
    made.api_key.requests_per_minute = 3
    made.api_key.save()
    assert [world.post("/v1/chat/completions", BODY, secret=made.secret).status for _ in range(3)] == [200, 200, 429]


def test_limits_are_the_same_through_every_endpoint(world):
    made = api_keys.create(world.tenant, name="shared", requests_per_minute=3)
    message = {**BODY, "model": "claude-sonnet-4-5", "max_tokens": 5}
    calls = [
        ("/v1/chat/completions", BODY),
        ("/v1/messages", message),
        ("/v1/embeddings", {"model": "text-embedding-3-small", "input": "x"}),
    ]
    assert [world.post(path, body, secret=made.secret).status for path, body in calls] == [200, 200, 200]
    assert [world.post(path, body, secret=made.secret).status for path, body in calls] == [429, 429, 429]
    del message["max_tokens"]
    assert world.post("/v1/messages/count_tokens", message, secret=made.secret).status == 429
