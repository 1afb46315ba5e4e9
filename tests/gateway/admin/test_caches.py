"""Cache policies in the admin: edited, explained, kept within the tenant; what the cache holds, and having it forget."""

from __future__ import annotations

import html
from typing import Any
from uuid import uuid4

import pytest
from auditlog.models import LogEntry
from django.urls import reverse
from django.utils import timezone
from django_redis import get_redis_connection

from gateway.models import CachePolicy, SemanticEntry
from tenants import redis_keys
from tenants.models import Tenant
from tests.cast import Cast, at_work, request_row

pytestmark = pytest.mark.django_db

PLAIN: dict[str, Any] = {
    "task": "",
    "is_active": "on",
    "exact": "on",
    "ttl_seconds": 3600,
    "stale_seconds": 86_400,
    "scope": "tenant",
    "max_temperature": "0.3",
    "embeddings": "on",
    "max_entry_kilobytes": 256,
    "max_megabytes": 64,
    "semantic_threshold": "0.95",
    "target_false_percent": "2",
    "semantic_verified": "on",
    "semantic_max_age_seconds": 86_400,
    "prefix_ttl": "auto",
}


def form(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in {**PLAIN, **fields}.items() if value is not None}


def page(name: str, policy: CachePolicy | None = None) -> str:
    return reverse(f"admin:gateway_cachepolicy_{name}", args=[policy.pk] if policy else [])


@pytest.fixture
def acmes(cast: Cast) -> CachePolicy:
    """A policy of Acme's for all tasks."""
    return CachePolicy.objects.create(tenant=cast.acme.tenant)


def keep(policy: CachePolicy, **books: int) -> None:
    """As if the tenant's cache held an answer and had counted."""
    redis = get_redis_connection("default")
    redis.hset(
        redis_keys.cached(policy.tenant_id), mapping={"d": b"x" * 3000, **{f"!{k}": v for k, v in books.items()}}
    )
    redis.zadd(redis_keys.cached_by_age(policy.tenant_id), {"d": 1_795_000_000_000})


def purged(policy: CachePolicy) -> list[str]:
    names = get_redis_connection("default").hkeys(redis_keys.cached(policy.tenant_id))
    return sorted(
        name.decode() for name in names if name.split(b"|")[0] in (b"!all", b"!task", b"!key", b"!tag", b"!end_user")
    )


def semantic_entry(tenant: Tenant, **fields: Any) -> SemanticEntry:
    now = timezone.now()
    return SemanticEntry.objects.create(
        tenant=tenant, scope=bytes(32), question_sha256=uuid4().bytes, question="How?", embedder="minilm-l6-v2", embedding=[1.0, 0.0],
        surface="openai", is_stream=False, body=b"", model="gpt-4o", provider="openai", request_id=uuid4(), input_tokens=1,
        output_tokens=1, answered_at=now, expires_at=now, stale_until=now, **fields,
    )  # fmt: skip


def test_an_admin_makes_a_policy_for_all_tasks_and_it_is_in_the_audit_trail(cast: Cast):
    given = form(tenant=str(cast.acme.tenant.pk), ttl_seconds=600, scope="end_user", semantic="on", prefix="on")
    response = at_work(cast.ada).post(page("add"), given)
    assert response.status_code == 302, response.content.decode()
    row = CachePolicy.objects.get(tenant=cast.acme.tenant, task=None)
    assert (row.ttl_seconds, row.scope, row.semantic, row.prefix, row.with_tools) == (
        600,
        "end_user",
        True,
        True,
        False,
    )
    history = at_work(cast.ada).get(page("history", row)).content.decode()
    assert "fresh for" in html.unescape(history).lower()


def test_in_a_console_the_tenant_is_given_and_only_its_tasks_and_the_operator_s_are_offered(cast: Cast):
    form = at_work(cast.ada).get(page("add")).context["adminform"].form
    assert "tenant" not in form.fields
    offered = set(form.fields["task"].queryset)
    assert {cast.task, cast.acme.task} <= offered
    assert cast.globex.task not in offered


def test_a_viewer_and_a_developer_look_and_change_nothing(cast: Cast, acmes: CachePolicy):
    for person in (cast.vera, cast.bob):
        client = at_work(person)
        assert client.get(page("change", acmes)).status_code == 200
        assert client.post(page("change", acmes), form(ttl_seconds=5)).status_code == 403
        assert client.get(page("add")).status_code == 403
    acmes.refresh_from_db()
    assert acmes.ttl_seconds == 3600


def test_the_page_explains_every_field(cast: Cast, acmes: CachePolicy):
    text = html.unescape(at_work(cast.ada).get(page("change", acmes)).content.decode())
    for field in CachePolicy._meta.get_fields():
        if getattr(field, "help_text", "") and field.editable:
            assert str(field.help_text) in text, field.name


@pytest.mark.parametrize(
    ("fields", "field", "message"),
    [
        ({"ttl_seconds": 0}, "ttl_seconds", "greater than or equal to 1"),
        ({"max_temperature": "2.5"}, "max_temperature", "less than or equal to 2"),
        ({"semantic_threshold": "1.2"}, "semantic_threshold", "less than or equal to 1"),
        ({"max_entry_kilobytes": 2048, "max_megabytes": 1}, "max_entry_kilobytes", "larger than the room for all"),
        ({"scope": "everyone"}, "scope", "Select a valid choice"),
    ],
)
def test_what_makes_no_sense_is_refused_beside_its_field(cast: Cast, fields: dict[str, Any], field: str, message: str):
    response = at_work(cast.ada).post(page("add"), form(tenant=str(cast.acme.tenant.pk), **fields))
    assert response.status_code == 200
    assert message in str(response.context["adminform"].form.errors[field])
    assert not CachePolicy.objects.filter(tenant=cast.acme.tenant, task=None).exists()


def test_there_is_one_policy_for_each_task_and_one_for_all(cast: Cast, acmes: CachePolicy):
    for fields in ({}, {"task": str(cast.acme.task.pk)}):
        response = at_work(cast.ada).post(page("add"), form(tenant=str(cast.acme.tenant.pk), **fields))
        assert "has a cache policy for this already" in html.unescape(response.content.decode())
    assert CachePolicy.objects.filter(tenant=cast.acme.tenant).count() == 2


def test_the_room_is_said_in_the_policy_for_all_tasks_only(cast: Cast):
    given = form(tenant=str(cast.acme.tenant.pk), task=str(cast.task.pk), max_megabytes=10)
    response = at_work(cast.ada).post(page("add"), given)
    assert "the whole tenant's" in html.unescape(str(response.context["adminform"].form.errors["max_megabytes"]))


def test_an_operator_s_task_may_have_a_policy_and_another_tenant_s_may_not(cast: Cast):
    given = form(tenant=str(cast.acme.tenant.pk), task=str(cast.task.pk))
    assert at_work(cast.ada).post(page("add"), given).status_code == 302
    given = form(tenant=str(cast.acme.tenant.pk), task=str(cast.globex.task.pk))
    assert at_work(cast.olga).post(page("add"), given).status_code == 200
    assert CachePolicy.objects.filter(tenant=cast.acme.tenant).count() == 2


def test_the_page_says_what_the_cache_holds_and_was_worth(cast: Cast, acmes: CachePolicy):
    assert "nothing yet" in at_work(cast.vera).get(page("change", acmes)).content.decode()
    keep(acmes, bytes=3200, hits=3, misses=1, saved=1_234_567, since=1_795_000_000_000)
    text = html.unescape(at_work(cast.vera).get(page("change", acmes)).content.decode())
    assert "1 answer, 3.1 kB, the oldest of" in text
    assert "3 hits of 4 (75%), $0.0012 saved since" in text


def test_the_page_says_what_the_semantic_cache_holds_and_was_worth(cast: Cast, acmes: CachePolicy):
    for owner, hits in ((cast.acme, 2), (cast.acme, 1), (cast.globex, 5)):
        semantic_entry(owner.tenant, hits=hits, cost_nanousd=1_500_000)
    text = html.unescape(at_work(cast.vera).get(page("change", acmes)).content.decode())
    assert "2 answers, the oldest of" in text
    assert "given 3 times again, $0.0045 saved" in text


@pytest.mark.parametrize(
    ("what", "mark"),
    [
        ("all", "!all"),
        ("task", "!task|{task}"),
        ("key", "!key|{key}"),
        ("tag", "!tag|beta"),
        ("end_user", "!end_user|u1"),
    ],
)
def test_an_admin_has_it_forget(cast: Cast, acmes: CachePolicy, what: str, mark: str):
    given = {
        "what": what,
        "task": cast.acme.task.slug,
        "key": str(cast.acme.key.api_key.pk),
        "tag": "beta",
        "end_user": "u1",
    }
    assert at_work(cast.ada).get(page("purge", acmes)).status_code == 200
    assert purged(acmes) == []
    response = at_work(cast.ada).post(page("purge", acmes), given, follow=True)
    assert "No earlier answer is given any more" in html.unescape(response.content.decode())
    assert purged(acmes) == [mark.format(task=cast.acme.task.slug, key=cast.acme.key.api_key.pk.hex)]
    entry = LogEntry.objects.filter(object_pk=str(acmes.pk)).latest("id")
    assert (entry.actor, list(entry.changes_dict)) == (cast.ada, ["purged"])
    assert purged(cast.globex.cache_policy) == []


@pytest.mark.parametrize(
    "given",
    [{}, {"what": "x"}, {"what": "tag", "tag": ""}, {"what": "end_user"},
     {"what": "task", "task": "no-such"}, {"what": "key", "key": str(uuid4())}],
)  # fmt: skip
def test_what_is_not_there_is_not_purged(cast: Cast, acmes: CachePolicy, given: dict[str, str]):
    assert at_work(cast.ada).post(page("purge", acmes), given).status_code == 200
    assert purged(acmes) == []


def test_another_tenant_s_key_is_not_offered(cast: Cast, acmes: CachePolicy):
    response = at_work(cast.ada).get(page("purge", acmes))
    assert str(cast.globex.key.api_key.pk) not in response.content.decode()
    given = {"what": "key", "key": str(cast.globex.key.api_key.pk)}
    assert at_work(cast.olga).post(page("purge", acmes), given).status_code == 200
    assert purged(acmes) == purged(cast.globex.cache_policy) == []


def test_only_who_may_edit_the_policy_may_purge(cast: Cast, acmes: CachePolicy):
    for person, status in ((cast.vera, 403), (cast.bob, 403), (cast.charlie, 404)):
        client = at_work(person)
        assert client.get(page("purge", acmes)).status_code == status
        assert client.post(page("purge", acmes), {"what": "all"}).status_code == status
    assert purged(acmes) == []


def test_the_request_log_shows_what_a_cache_did(cast: Cast):
    row = request_row(
        cast.acme.tenant, cast.acme.key.api_key, cache="hit", cache_reason="shared flight", saved_usd="0.0015", cache_age_ms=2500,
        input_tokens=0, output_tokens=0, cost_usd=0,
    )  # fmt: skip
    client = at_work(cast.ada)
    text = html.unescape(client.get(reverse("admin:gateway_requestlog_change", args=[row.pk])).content.decode())
    assert "hit (shared flight), 2.50 s old, $0.0015 saved" in text
    assert "Answered from the cache" in text
    assert "openai, cached" in client.get(reverse("admin:gateway_requestlog_changelist")).content.decode()
