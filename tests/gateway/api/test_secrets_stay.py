"""What callers and operators keep secret is in no answer and no log, whatever goes wrong."""

from __future__ import annotations

import json

from tests.gateway.live import CREDENTIAL, Gateway

BODY = {"model": "gpt-4o", "max_tokens": 50, "messages": [{"role": "user", "content": "hi"}]}


def test_a_key_in_the_wrong_place_is_neither_taken_nor_repeated(world, simulator, gateway):
    path, secret = "/v1/chat/completions", world.secret
    replies = [
        gateway.request("POST", f"{path}?api_key={secret}&key={secret}", json.dumps(BODY).encode()),
        gateway.request("POST", path, json.dumps({**BODY, "api_key": secret}).encode()),
        gateway.request("POST", path, json.dumps(BODY).encode(), cookie=f"key={secret}; authorization=Bearer {secret}"),
        gateway.request("POST", path, json.dumps(BODY).encode(), authorization=f"Basic {secret}"),
        gateway.request("POST", path, json.dumps(BODY).encode(), authorization=f"Bearer x{secret}"),
    ]
    assert [reply.status for reply in replies] == [401] * len(replies)
    assert simulator.requests() == []
    for reply in replies:
        assert secret not in reply.body.decode() + str(reply.headers)
    assert secret not in gateway.log()


def test_what_is_refused_shows_neither_the_callers_key_nor_the_providers(world, simulator, gateway):
    replies = [
        world.post("/v1/chat/completions", b"{"),
        world.post("/v1/chat/completions", {**BODY, "model": "nope"}),
        world.post("/v1/chat/completions", {**BODY, "messages": [{"role": 1}]}),
        world.post("/v1/messages", {**BODY, "max_tokens": -1}),
        world.post("/v1/route/explain", {**BODY, "model": "nope"}),
        world.get("/v1/models/nope"),
        world.get("/v1/usage?from=nonsense"),
    ]
    for fault in ("401", "credential_echo"):
        simulator.behave(fault=fault)
        replies += [world.chat(), world.message(stream=True)]
    assert all(reply.status >= 400 for reply in replies if reply.status != 200)
    for reply in replies:
        told = reply.body.decode() + str(reply.headers)
        assert world.secret not in told
        assert CREDENTIAL not in told
    rows = world.records_so_far()
    assert len(rows) >= 8
    for row in rows:  # traces are made of these
        assert world.secret not in str(vars(row))
        assert CREDENTIAL not in str(vars(row))
    assert world.secret not in gateway.log()
    assert CREDENTIAL not in gateway.log()


def test_what_a_caller_writes_begins_no_line_of_the_log(world, gateway):
    forged = "x\r\n2026-01-01 00:00:00,000 ERROR gateway all is lost\x1b[2J"
    world.post("/v1/chat/completions", {**BODY, "model": forged, "user": forged, "metadata": {"feature": forged}})
    world.get("/v1/%0d%0aERROR%20gateway%20all%20is%20lost%1b[2J")
    world.chat(model="nope", user="forged")
    log = gateway.log()
    assert "\x1b" not in log
    assert not [
        line for line in log.splitlines() if line.startswith(("ERROR gateway all is lost", "2026-01-01 00:00:00,000"))
    ]


def test_with_both_stores_gone_their_passwords_are_told_to_nobody(world, tmp_path):
    away = {
        "DATABASE_URL": "postgresql://tollgate:planted-database-password@127.0.0.1:1/tollgate",
        "REDIS_URL": "redis://:planted-redis-password@127.0.0.1:1/0",
    }
    with Gateway.running(tmp_path, **away) as own:
        replies = [own.request("GET", "/readyz"), own.request("GET", "/account/login/"), own.request("GET", "/admin/")]
        for path in ("/v1/chat/completions", "/v1/messages", "/v1/feedback"):
            replies.append(own.request("POST", path, json.dumps(BODY).encode(), authorization=f"Bearer {world.secret}"))
        assert {reply.status for reply in replies} & {503}
        told = "".join(reply.body.decode() + str(reply.headers) for reply in replies) + own.log()
    assert "planted-" not in told
    assert world.secret not in told
