"""Edits are in force on the next request of every process."""

from __future__ import annotations

import datetime as dt

from django.db import connection
from django.utils import timezone
from django_redis import get_redis_connection

from billing.models import Plan, Subscription
from gateway.models import Model, RoutingRule, RoutingTarget, Task, TaskFallback
from tenants import api_keys, redis_keys
from tests.gateway.budgets import plan
from tests.gateway.live import Gateway, wait_until


def test_every_process_sees_an_edit_on_its_next_request(world, tmp_path):
    with Gateway.running(tmp_path) as second:

        def statuses() -> list[int]:
            body = b'{"model":"fresh","messages":[{"role":"user","content":"x"}]}'
            return [
                gateway.request("POST", "/v1/chat/completions", body, authorization=f"Bearer {world.secret}").status
                for gateway in (world.gateway, second)
            ]

        assert statuses() == [404, 404]
        model = world.model("fresh", "openai")
        assert statuses() == [200, 200]
        model.is_active = False
        model.save()
        assert statuses() == [404, 404]


def test_a_key_just_made_works_where_its_tenant_is_known_already(world, gateway):
    assert world.chat().status == 200
    made = api_keys.create(world.tenant, name="just made")
    assert gateway.request("GET", "/v1/models", authorization=f"Bearer {made.secret}").status == 200
    another = api_keys.create(world.tenant, name="just made, too")
    body = {"model": "gpt-4o", "messages": [{"role": "user", "content": "x"}]}
    assert world.post("/v1/chat/completions", body, secret=another.secret).status == 200


def test_rights_are_widened_and_narrowed_from_one_request_to_the_next(world):
    made = api_keys.create(world.tenant, name="scoped", scopes=["chat"])
    embedding = {"model": "text-embedding-3-small", "input": "x"}

    def status() -> int:
        return world.post("/v1/embeddings", embedding, secret=made.secret).status

    assert status() == 403
    made.api_key.scopes = ["embeddings"]
    made.api_key.save()
    assert status() == 200
    made.api_key.scopes = ["chat"]
    made.api_key.save()
    assert status() == 403
    world.tenant.is_active = False
    world.tenant.save()
    assert status() == 401
    world.tenant.is_active = True
    world.tenant.save()
    made.api_key.scopes = ["embeddings"]
    made.api_key.save()
    assert status() == 200


def test_an_edit_by_sql_counts_as_soon_as_it_is_published(world):
    from tenants import config_versions

    assert world.chat().status == 200
    Model.objects.filter(tenant=world.tenant, name="gpt-4o").update(is_active=False)
    config_versions.publish()
    assert world.chat().status == 404


def test_a_version_that_redis_has_lost_is_read_from_postgresql(world):
    assert world.chat().status == 200
    key = redis_keys.config_version(world.tenant.id)
    get_redis_connection("default").delete(key)
    Model.objects.filter(tenant=world.tenant, name="gpt-4o").update(is_active=False)
    assert world.chat().status == 404
    assert get_redis_connection("default").exists(key)


def test_a_task_is_answered_by_its_default_model_and_a_rule_goes_before_it(world, simulator):
    small, large = world.model("small", "openai"), world.model("large", "anthropic", upstream_id="claude-haiku-4-5")
    task = Task.objects.create(tenant=world.tenant, slug="sum", name="Sum", default_model=small)
    TaskFallback.objects.create(task=task, model=large)
    assert world.chat("task/sum").headers["x-tollgate-model"] == "small"
    rule = RoutingRule.objects.create(tenant=world.tenant, name="large first", tasks=["sum"])
    RoutingTarget.objects.create(rule=rule, model=large)
    reply = world.chat("task/sum")
    assert reply.headers["x-tollgate-model"] == "large"
    assert simulator.requests()[-1]["body"]["model"] == "claude-haiku-4-5"
    record = world.records(2)[-1]
    assert (record.task, record.model_asked, record.model_served) == ("sum", "task/sum", "large")


def test_a_tenant_s_own_model_hides_the_operator_s_of_the_same_name(world, simulator):
    provider = world.providers["openai"]
    provider.pk, provider.tenant, provider.name = None, None, f"shared-{world.tenant.slug}"
    provider._state.adding = True
    from tenants.ids import uuid7

    provider.id = uuid7()
    provider.save()
    name = f"shared-{world.tenant.slug}"
    shared = Model.objects.create(
        provider=provider, name=name, upstream_id="the-operators", price_ref="openai:gpt-4o", capabilities=["chat"]
    )
    try:
        assert world.chat(name).status == 200
        world.model(name, "anthropic", upstream_id="our-own")
        assert world.chat(name).status == 200
        assert [received["body"]["model"] for received in simulator.requests()] == ["the-operators", "our-own"]
    finally:
        shared.delete()
        provider.delete()


def test_a_credential_that_no_key_opens_stops_its_own_provider_only(world):
    world.model("lost", "openai-compatible")
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE gateway_provider SET credential = 'gAAAAA' WHERE id = %s", [world.providers["openai-compatible"].id]
        )
    assert world.chat().status == 200
    assert world.chat("lost").status == 404


def test_a_credential_is_changed_between_two_requests(world, simulator):
    world.chat()
    provider = world.providers["openai"]
    provider.credential = "sk-sim-another"
    provider.save()
    world.chat()
    sent = [dict(received["headers"])["authorization"] for received in simulator.requests()]
    assert sent == ["Bearer sk-sim-credential-0123456789", "Bearer sk-sim-another"]


def test_a_subscription_that_ends_limits_no_more_from_that_moment_on(world):
    """Nobody edits anything then, so no version tells."""
    made = plan(world, max_output_tokens=50)
    ends = timezone.now() + dt.timedelta(seconds=2)
    made.subscriptions.update(ended_at=ends)
    next_one = Plan.objects.create(name="next", slug=f"next-{world.tenant.slug}", max_output_tokens=60)
    Subscription.objects.create(tenant=world.tenant, plan=next_one, started_at=ends)
    cap = world.chat(max_tokens=100).headers["x-tollgate-max-tokens"]
    assert cap == "50" or timezone.now() > ends
    wait_until(lambda: timezone.now() > ends)
    assert world.chat(max_tokens=100).headers["x-tollgate-max-tokens"] == "60"
