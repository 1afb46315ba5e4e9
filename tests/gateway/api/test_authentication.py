"""Who may call."""

from __future__ import annotations

import datetime as dt
import json

import pytest
from asgiref.testing import ApplicationCommunicator
from django.utils import timezone

from config.asgi import application
from gateway import runtime
from tenants import api_keys

BODY = {"model": "gpt-4o", "max_tokens": 50, "messages": [{"role": "user", "content": "hi"}]}


def test_takes_the_key_as_openais_sdk_and_as_anthropics_sends_it(world):
    import json

    body = json.dumps(BODY).encode()
    assert (
        world.gateway.request("POST", "/v1/chat/completions", body, authorization=f"Bearer {world.secret}").status
        == 200
    )
    assert world.gateway.request("POST", "/v1/messages", body, x_api_key=world.secret).status == 200


@pytest.mark.parametrize(
    ("secret", "code"),
    [
        ("", "missing_api_key"),
        ("tg-nobody-has-this-key", "invalid_api_key"),
        ("sk-not-ours", "invalid_api_key"),
        ("tg-' OR 1=1; DROP TABLE tenants_tenant; --", "invalid_api_key"),
        ("tg-" + "x" * 5000, "invalid_api_key"),
        ("tg-gr\u00e4fin", "invalid_api_key"),
    ],
)
def test_refuses_a_key_that_is_none_and_calls_nobody(world, simulator, secret, code):
    reply = world.post("/v1/chat/completions", BODY, secret=secret)
    assert reply.status == 401
    assert reply.json()["error"]["code"] == code
    assert reply.json()["error"]["type"] == "authentication_error"
    assert reply.headers["www-authenticate"] == "Bearer"
    assert secret not in reply.body.decode() or not secret
    assert simulator.requests() == []


async def test_who_tries_keys_is_slowed_down_and_known_keys_go_on_from_there(world, settings):
    """Known ones come from anywhere, and others go on from other addresses."""
    settings.GATEWAY_UNKNOWN_KEYS_PER_MINUTE = 5

    async def ask(
        secret: str, path: str = "/v1/models", address: str = "203.0.113.7"
    ) -> tuple[int, dict[str, str], bytes]:
        scope = {"type": "http", "method": "GET", "path": path, "raw_path": path.encode(), "query_string": b"", "http_version": "1.1",
                 "headers": [(b"host", b"x"), (b"x-api-key", secret.encode())], "server": ("x", 80), "client": (address, 1),
                 "scheme": "http", "root_path": ""}  # fmt: skip
        call = ApplicationCommunicator(application, scope)
        await call.send_input({"type": "http.request", "body": b"", "more_body": False})
        head, body = await call.receive_output(60), await call.receive_output(60)
        await call.wait(60)
        return head["status"], {name.decode(): value.decode() for name, value in head["headers"]}, body["body"]

    try:
        assert (await ask(world.secret))[0] == 200
        guesses = [await ask(f"tg-guess-{world.tenant.slug}-{number}") for number in range(8)]
        assert [status for status, _headers, _body in guesses] == [401] * 5 + [429] * 3
        assert json.loads(guesses[-1][2])["error"]["code"] == "too_many_unknown_keys"
        assert 0 < int(guesses[-1][1]["retry-after"]) <= 12
        assert (await ask(world.secret))[0] == 200
        assert (await ask("tg-guess-10", address="203.0.113.8"))[0] == 401
    finally:
        await runtime.close()


def test_says_so_in_anthropics_format_to_anthropics_callers(world):
    reply = world.post("/v1/messages", BODY, secret="tg-nobody")
    assert reply.status == 401
    assert reply.json()["type"] == "error"
    assert reply.json()["error"]["type"] == "authentication_error"
    assert reply.json()["request_id"] == reply.headers["request-id"] == reply.headers["x-request-id"]


def test_refuses_a_revoked_key_from_the_next_request_on(world, simulator):
    made = api_keys.create(world.tenant, name="short-lived")
    assert world.post("/v1/chat/completions", BODY, secret=made.secret).status == 200
    api_keys.revoke(made.api_key)
    reply = world.post("/v1/chat/completions", BODY, secret=made.secret)
    assert (reply.status, reply.json()["error"]["code"]) == (401, "invalid_api_key")
    assert len(simulator.requests()) == 1


def test_refuses_an_expired_key(world):
    made = api_keys.create(world.tenant, name="expired", expires_at=timezone.now() - dt.timedelta(seconds=1))
    reply = world.post("/v1/chat/completions", BODY, secret=made.secret)
    assert (reply.status, reply.json()["error"]["code"]) == (401, "expired_api_key")


def test_refuses_every_key_of_a_tenant_that_is_switched_off(world):
    assert world.chat().status == 200
    world.tenant.is_active = False
    world.tenant.save()
    assert world.chat().status == 401
    assert world.get("/v1/models").status == 401


@pytest.mark.parametrize(
    ("scope", "path", "body"),
    [
        ("embeddings", "/v1/chat/completions", BODY),
        ("embeddings", "/v1/messages", BODY),
        ("embeddings", "/v1/messages/count_tokens", BODY),
        ("chat", "/v1/embeddings", {"model": "text-embedding-3-small", "input": "x"}),
    ],
)
def test_refuses_what_is_outside_a_key_s_scopes(world, simulator, scope, path, body):
    made = api_keys.create(world.tenant, name="narrow", scopes=[scope])
    reply = world.post(path, body, secret=made.secret)
    assert reply.status == 403
    assert reply.json()["error"]["type"] == "permission_error"
    assert simulator.requests() == []


def test_a_key_reaches_only_the_models_it_is_allowed(world):
    world.model("small", "openai")
    made = api_keys.create(world.tenant, name="small only", allowed_models=["small"])
    assert world.post("/v1/chat/completions", {**BODY, "model": "small"}, secret=made.secret).status == 200
    reply = world.post("/v1/chat/completions", BODY, secret=made.secret)
    assert (reply.status, reply.json()["error"]["code"]) == (403, "model_not_allowed")


def test_another_tenant_s_model_is_not_there(world, gateway):
    from tests.gateway.live import World

    other = World.build(gateway, world.simulator_url)
    other.model("their-own", "openai")
    reply = world.chat("their-own")
    assert (reply.status, reply.json()["error"]["code"]) == (404, "model_not_found")
    assert other.chat("their-own").status == 200
    assert "their-own" not in world.get("/v1/models").body.decode()


def test_never_writes_a_key_into_its_log(world, gateway):
    world.chat()
    world.post("/v1/chat/completions", b"{", secret=world.secret)
    assert world.secret not in gateway.log()
