"""Every edit of what the gateway reads raises the version of the tenants it concerns, whoever makes it and however."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from django_redis import get_redis_connection

from billing.models import Plan, PlanTier, Subscription
from gateway.models import ContextPolicy, Model, Provider, RoutingRule, RoutingTarget, Task, TaskFallback
from tenants import api_keys, config_versions, redis_keys
from tenants.models import ApiKey, EndUser, Tenant
from tests.cast import Cast

pytestmark = pytest.mark.django_db


def versions(cast: Cast) -> tuple[int, int]:
    rows = dict(Tenant.objects.values_list("pk", "config_version"))
    return rows[cast.acme.tenant.pk], rows[cast.globex.tenant.pk]


def raised(cast: Cast, edit: Callable[[], Any]) -> tuple[bool, bool]:
    """Whether the edit raised Acme's version, and Globex's."""
    before = versions(cast)
    edit()
    after = versions(cast)
    return after[0] > before[0], after[1] > before[1]


def test_an_edit_of_a_tenants_own_row_raises_its_version_alone(cast: Cast):
    acme = cast.acme
    for row in (acme.key.api_key, acme.subscription, acme.provider, acme.model, acme.task, acme.rule):
        assert raised(cast, row.save) == (True, False), row


def test_inserts_and_deletes_count(cast: Cast):
    acme = cast.acme
    extra = Model(tenant=acme.tenant, provider=acme.provider, name="extra", capabilities=["chat"])
    assert raised(cast, extra.save) == (True, False)
    key = api_keys.create(acme.tenant, name="extra").api_key
    assert raised(cast, key.delete) == (True, False)
    assert raised(cast, acme.rule.delete)[0] is True
    assert raised(cast, acme.subscription.delete) == (True, False)


def test_an_edit_of_the_operators_rows_raises_everyones(cast: Cast):
    for row in (cast.provider, cast.model, cast.task, cast.rule, cast.plan):
        assert raised(cast, row.save) == (True, True), row


@pytest.mark.parametrize(
    "model", [Provider, Model, Task, TaskFallback, ContextPolicy, RoutingRule, RoutingTarget, Plan, PlanTier]
)
def test_bulk_updates_count_as_well(cast: Cast, model: Any):
    field = next(field.name for field in model._meta.concrete_fields if not field.primary_key and not field.is_relation)
    row = model.objects.filter(**({"tenant": None} if hasattr(model, "tenant") else {})).first()
    assert raised(cast, lambda: model.objects.filter(pk=row.pk).update(**{field: getattr(row, field)})) == (True, True)


@pytest.mark.parametrize("model", [ApiKey, Subscription])
def test_bulk_updates_of_a_tenants_rows_raise_its_version(cast: Cast, model: Any):
    values = {"name": "renamed"} if model is ApiKey else {"started_at": timezone.now()}
    rows = model.objects.filter(tenant=cast.acme.tenant)
    assert raised(cast, lambda: rows.update(**values)) == (True, False)


def test_the_tenants_own_fields_count(cast: Cast):
    rows = Tenant.objects.filter(pk=cast.acme.tenant.pk)
    assert raised(cast, lambda: rows.update(is_active=False)) == (True, False)


def test_when_a_key_was_last_used_is_no_edit(cast: Cast):
    keys = ApiKey.objects.filter(pk=cast.acme.key.api_key.pk)
    assert raised(cast, lambda: keys.update(last_used_at=timezone.now())) == (False, False)


def test_end_users_are_no_configuration(cast: Cast):
    assert raised(cast, lambda: EndUser.objects.create(tenant=cast.acme.tenant, external_id="new")) == (False, False)


def test_every_configuration_table_has_its_trigger(db: None):
    from django.apps import apps

    from tenants.models import ConfigModel

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tgrelid::regclass::text FROM pg_trigger WHERE tgname = 'raise_config_version' AND NOT tgisinternal"
        )
        with_trigger = {table for (table,) in cursor.fetchall()}
    tables = {model._meta.db_table for model in apps.get_models() if issubclass(model, ConfigModel)}
    assert tables == with_trigger


def test_a_saved_row_publishes_the_version_at_its_commit(cast: Cast, django_capture_on_commit_callbacks: Any):
    redis = get_redis_connection("default")
    with django_capture_on_commit_callbacks(execute=True):
        cast.acme.rule.save()
    published = int(redis.get(redis_keys.config_version(cast.acme.tenant.pk)))
    assert published == versions(cast)[0]
    assert config_versions.publish(cast.acme.tenant.pk) == 0
