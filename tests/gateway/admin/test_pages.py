"""Every page of the admin answers, with rows present, and asks the database no more for many rows than for few."""

import re
from typing import Any
from uuid import uuid4

import pytest
from django.contrib import admin
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from gateway.models import JudgeBudget, Judgement, JudgePolicy, MeasuredQuality, RequestLog
from tenants.models import Invitation, SsoConnection
from tests.cast import Cast, company, logged_in
from tests.tenants.bound_rows import row_of

pytestmark = pytest.mark.django_db

REGISTERED = sorted(admin.site._registry, key=lambda model: model._meta.label)
NAMES = [model._meta.label for model in REGISTERED]
READ_ONLY = {
    "gateway.RequestLog",
    "gateway.Feedback",
    "gateway.LabeledAnswer",
    "gateway.QualityModel",
    "auditlog.LogEntry",
    "gateway.SemanticCheck",
    "gateway.Judgement",
    "gateway.MeasuredQuality",
    "billing.Alert",
    "tenants.Invitation",
}


def page(model: Any, name: str, *args: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{name}", args=args)


@pytest.fixture
def olga(cast: Cast) -> Client:
    from django.contrib.auth.models import Group

    Group.objects.create(name=f"group-{uuid4().hex[:6]}")
    row_of(Invitation, cast.acme, cast)
    for model in (SsoConnection, JudgeBudget, JudgePolicy, Judgement, MeasuredQuality):
        row_of(model, cast.acme, cast)
    return logged_in(cast.olga)


def test_every_model_of_ours_has_a_page():
    ours = {"tenants", "billing", "gateway"}
    parts = {
        "billing.PlanTier",
        "billing.BudgetRaise",
        "billing.DailyUsage",
        "billing.AlertDelivery",
        "billing.AlertsSeen",
        "gateway.TaskFallback",
        "gateway.ContextPolicy",
        "gateway.RoutingTarget",
        "gateway.SemanticEntry",
        "gateway.SemanticHit",
        "gateway.SemanticLabel",
        "gateway.LogChange",
        "gateway.RatingChange",
        "gateway.RatingDay",
        "gateway.TraceExport",
        "gateway.BreakerChange",
        "gateway.ContentPolicy",
        "gateway.RequestContent",
        "gateway.ContentErasure",
        "tenants.ApiKeySecret",
        "tenants.KeptResult",
        "tenants.ManagementKey",
        "billing.AlertSettings",
    }  # edited with what they are part of, or written by the worker and read by the gateway only
    from django.apps import apps

    models = {model._meta.label for model in apps.get_models() if model._meta.app_label in ours} - parts
    assert models <= set(NAMES)


@pytest.mark.parametrize("model", REGISTERED, ids=NAMES)
def test_every_page_answers(olga: Client, model: Any):
    """The list and its search, a row's page and history, the forms for a new row and before deleting; none for a row that there is not."""
    row = model._default_manager.first()
    where_one_may = 403 if model._meta.label in READ_ONLY else 200
    assert olga.get(page(model, "changelist")).status_code == 200
    assert olga.get(page(model, "changelist"), {"q": "acme"}).status_code == 200
    assert olga.get(page(model, "change", row.pk)).status_code == 200
    assert olga.get(page(model, "history", row.pk)).status_code == 200
    assert olga.get(page(model, "add")).status_code == where_one_may
    assert olga.get(page(model, "delete", row.pk)).status_code == where_one_may
    for name in ("change", "history", "delete"):
        assert olga.get(page(model, name, uuid4())).status_code == 404 or model._meta.label in READ_ONLY


@pytest.mark.parametrize("model", REGISTERED, ids=NAMES)
def test_a_list_of_many_asks_the_database_no_more_than_a_list_of_few(cast: Cast, olga: Client, model: Any):
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert olga.get(page(model, "changelist")).status_code == 200
        return len(captured)

    queries()  # content types and the like are kept in memory from here on
    few = queries()
    for number in range(3):
        company(f"Extra{number}", cast.plan)
    assert queries() <= few


@pytest.mark.parametrize("model", REGISTERED, ids=NAMES)
def test_every_filter_of_a_list_answers(olga: Client, model: Any):
    content = olga.get(page(model, "changelist")).content.decode()
    for name in set(re.findall(r'<select name="([\w.]+)"', content)) - {"action"}:
        values = re.findall(rf'<select name="{name}".*?</select>', content, re.DOTALL)[0]
        for value in set(re.findall(r'<option value="([^"]+)"', values)):
            response = olga.get(page(model, "changelist"), {name: value})
            assert response.status_code == 200, (name, value)


def test_a_row_in_use_says_what_to_do_instead(cast: Cast, olga: Client):
    plan = olga.get(page(type(cast.plan), "delete", cast.plan.pk)).content.decode()
    assert "is in use and cannot be deleted" in plan
    assert "Switch “offered” off instead" in plan
    assert "Acme" in plan
    model = olga.post(page(type(cast.model), "delete", cast.model.pk), {"post": "yes"}).content.decode()
    assert "A task or a rule sends requests to it" in model
    assert type(cast.model).objects.filter(pk=cast.model.pk).exists()
    several = olga.post(
        page(type(cast.model), "changelist"), {"action": "delete_selected", "_selected_action": [cast.model.pk]}
    ).content.decode()
    assert "are in use and cannot be deleted" in several


def test_the_sidebar_has_its_groups(olga: Client):
    content = olga.get(reverse("admin:index")).content.decode()
    for group in ("Activity", "Tenants", "Limits", "Catalog &amp; routing", "Access"):
        assert group in content
    assert page(RequestLog, "changelist") in content


def test_a_stranger_is_sent_to_the_login_page():
    response = Client().get(reverse("admin:gateway_requestlog_changelist"))
    assert response.status_code == 302
    assert response["Location"].startswith(reverse("account_login"))
