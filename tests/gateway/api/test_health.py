"""Health, metrics and the OpenAPI document, over a socket."""

from __future__ import annotations

import json
import re

import yaml

from tests.gateway.live import Gateway, wait_until


def test_answers_that_it_is_alive_and_ready(gateway):
    assert gateway.request("GET", "/healthz").status == 200
    ready = gateway.request("GET", "/readyz")
    assert (ready.status, ready.json()) == (200, {"status": "ok", "checks": {"postgresql": "ok", "redis": "ok"}})


def test_says_which_dependency_is_gone(world, tmp_path):
    with Gateway.running(tmp_path, REDIS_URL="redis://127.0.0.1:9/0") as alone:
        reply = alone.request("GET", "/readyz")
        assert (reply.status, reply.json()["checks"]) == (503, {"postgresql": "ok", "redis": "unreachable"})
        body = json.dumps({"model": "gpt-4o", "messages": [{"role": "user", "content": "x"}]}).encode()
        refused = alone.request("POST", "/v1/chat/completions", body, authorization=f"Bearer {world.secret}")
        assert (refused.status, refused.json()["error"]["code"]) == (503, "store_unavailable")
        assert refused.headers["retry-after"] == "1"


def test_refuses_tenants_it_does_not_know_while_postgresql_is_gone(world, tmp_path):
    with Gateway.running(tmp_path, DATABASE_URL="postgresql://postgres@127.0.0.1:9/nothing") as alone:
        assert alone.request("GET", "/readyz").json()["checks"]["postgresql"] == "unreachable"
        body = json.dumps({"model": "gpt-4o", "messages": [{"role": "user", "content": "x"}]}).encode()
        refused = alone.request("POST", "/v1/chat/completions", body, authorization=f"Bearer {world.secret}")
        assert (refused.status, refused.json()["error"]["code"]) == (503, "store_unavailable")


def test_counts_for_prometheus(world):
    world.chat()
    metrics = world.gateway.request("GET", "/metrics").body.decode()
    assert (
        'tollgate_requests_total{endpoint="chat.completions",model="gpt-4o",outcome="ok",provider="openai",status="200"}'
        in metrics
    )
    assert world.secret not in metrics
    wait_until(lambda: "tollgate_in_flight_requests 0.0" in world.gateway.request("GET", "/metrics").body.decode())


def test_metrics_can_ask_for_a_token(world, tmp_path):
    with Gateway.running(tmp_path, TOLLGATE_METRICS_TOKEN="letmein") as guarded:
        assert guarded.request("GET", "/metrics").status == 401
        assert guarded.request("GET", "/metrics", authorization="Bearer letmein").status == 200


def test_the_openapi_document_has_every_endpoint(gateway):
    document = yaml.safe_load(gateway.request("GET", "/api/schema/").body)
    assert {path for path in document["paths"] if path.startswith("/v1/")} == {
        "/v1/chat/completions",
        "/v1/messages",
        "/v1/messages/count_tokens",
        "/v1/embeddings",
        "/v1/feedback",
        "/v1/models",
        "/v1/models/{name}",
        "/v1/budgets",
        "/v1/cache",
        "/v1/cache/purge",
        "/v1/route/explain",
        "/v1/usage",
    }
    schemes = document["components"]["securitySchemes"]
    assert {scheme["type"] for scheme in schemes.values()} == {"http", "apiKey"}


def test_the_reference_loads_nothing_from_elsewhere(gateway):
    page = gateway.request("GET", "/api/docs/")
    assert page.status == 200
    links = set(re.findall(r'(?:src|href)="([^"#]+)"', page.body.decode()))
    assert links
    for link in links - {"/"}:  # which leads to signing in
        assert link.startswith("/"), link
        assert gateway.request("GET", link).status == 200, link
