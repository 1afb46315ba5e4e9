"""Who changed what; and that no secret ever stands in the trail."""

import json
from typing import Any

import pytest
from auditlog.models import LogEntry
from django.apps import apps
from django.urls import reverse

from billing.models import Alert, AlertDelivery, AlertsSeen, DailyUsage
from dashboards.models import Calendar, Cell, Series, UserDay
from gateway.models import (
    ContentErasure,
    Feedback,
    Judgement,
    LabeledAnswer,
    LogChange,
    MeasuredQuality,
    Provider,
    RatingChange,
    RatingDay,
    RequestContent,
    RequestLog,
    SemanticCheck,
    SemanticEntry,
    SemanticHit,
    SemanticLabel,
    TraceExport,
)
from tenants import api_keys, audit
from tenants.models import ConfigModel, KeptResult, TenantOwned
from tests.cast import CREDENTIAL, Cast, build_cast, logged_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast(db: None) -> Cast:
    """With the audit trail of its making."""
    return build_cast()


def everything_recorded() -> str:
    return json.dumps(list(LogEntry.objects.values()), default=str)


def test_every_configuration_model_is_tracked():
    from auditlog.registry import auditlog

    no_configuration = {  # the worker writes it; or it says what somebody has seen
        *(Alert, AlertDelivery, AlertsSeen, DailyUsage, Feedback, LabeledAnswer, RequestLog),
        *(SemanticCheck, SemanticEntry, SemanticHit, SemanticLabel),
        *(LogChange, Calendar, Cell, KeptResult, Series, UserDay, RatingChange, RatingDay),
        *(ContentErasure, RequestContent, TraceExport),
        *(Judgement, MeasuredQuality),
    }
    ours = [model for model in apps.get_models() if issubclass(model, (ConfigModel, TenantOwned))]
    ours = [model for model in ours if model not in no_configuration]
    assert [model for model in ours if not auditlog.contains(model)] == []


def test_a_change_in_the_admin_names_the_person_and_the_address(cast: Cast):
    tenant = cast.acme.tenant
    url = reverse("admin:tenants_tenant_change", args=[tenant.pk])
    form = {
        "name": "Acme & Sons",
        "slug": tenant.slug,
        "timezone": "Europe/Vienna",
        "is_active": "on",
        "membership_set-TOTAL_FORMS": 0,
        "membership_set-INITIAL_FORMS": 0,
    }
    response = logged_in(cast.olga).post(url, form, REMOTE_ADDR="192.0.2.7", HTTP_X_FORWARDED_FOR="not an address")
    assert response.status_code == 302
    entry = audit.history_of(tenant)[0]
    assert (entry.actor, entry.remote_addr) == (cast.olga, "192.0.2.7")
    assert entry.changes_dict == {"name": ["Acme", "Acme & Sons"]}
    assert entry.additional_data == {"tenant_id": str(tenant.pk)}


def test_the_parts_of_a_row_stand_in_its_history(cast: Cast):
    target = cast.rule.targets.first()
    assert target is not None
    target.position = 7
    target.save()
    page = logged_in(cast.olga).get(reverse("admin:gateway_routingrule_history", args=[cast.rule.pk]))
    assert f"target: {target}".encode() in page.content
    target.delete()
    assert LogEntry.Action.DELETE in audit.history_of(cast.rule).values_list("action", flat=True)


def test_a_credential_is_recorded_as_changed_and_never_as_itself(cast: Cast):
    provider = Provider.objects.create(name="lonely", kind="openai", credential=CREDENTIAL)
    provider.credential = "sk-second-credential"
    provider.save()
    entry = audit.history_of(provider)[0]
    assert entry.changes_dict == {"credential": ["(set)", "(set)"]}
    provider.credential = ""
    provider.save()
    assert audit.history_of(provider)[0].changes_dict == {"credential": ["(set)", "(empty)"]}
    provider.delete()
    recorded = everything_recorded()
    assert CREDENTIAL not in recorded
    assert "sk-second" not in recorded


def test_a_keys_secret_and_its_hash_are_never_recorded(cast: Cast):
    made = api_keys.create(cast.acme.tenant, name="bot")
    rotated = api_keys.rotate(made.api_key)
    api_keys.revoke(made.api_key)
    assert list(audit.history_of(made.api_key)[0].changes_dict) == ["revoked_at"]
    made.api_key.delete()
    recorded = everything_recorded()
    assert made.secret not in recorded
    assert rotated.secret not in recorded
    assert api_keys.digest(rotated.secret) not in recorded
    assert api_keys.digest(made.secret) not in recorded


def test_a_password_is_never_recorded(cast: Cast):
    cast.bob.set_password("correct horse battery")
    cast.bob.save()
    assert audit.history_of(cast.bob)[0].changes_dict["password"][1] == "(set)"
    assert cast.bob.password not in everything_recorded()


def test_a_new_row_is_recorded_with_its_fields_and_nothing_else(cast: Cast):
    entry = audit.history_of(cast.acme.end_user)[0]
    assert set(entry.changes_dict) == {"tenant", "external_id", "tier"}
    assert entry.changes_dict["tenant"] == ["None", "Acme"]


def test_what_the_gateway_writes_by_itself_is_no_edit(cast: Cast):
    before = LogEntry.objects.count()
    key = cast.acme.key.api_key
    key.last_used_at = key.created_at
    key.save(update_fields=["last_used_at"])
    assert LogEntry.objects.count() == before


def test_deleting_a_tenant_records_all_that_went_with_it(cast: Cast, django_capture_on_commit_callbacks: Any):
    tenant_id = str(cast.acme.tenant.pk)
    with django_capture_on_commit_callbacks(execute=True):
        cast.acme.tenant.delete()
    gone = LogEntry.objects.filter(action=LogEntry.Action.DELETE, additional_data__tenant_id=tenant_id)
    kinds = set(gone.values_list("content_type__model", flat=True))
    assert kinds >= {"tenant", "apikey", "membership", "provider", "model", "task", "routingrule", "routingtarget"}
