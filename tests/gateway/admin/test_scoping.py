"""A tenant's people see and edit their tenant's rows, and another tenant's not at all: Charlie gets 404 everywhere."""

from typing import Any

import pytest
from django.contrib import admin
from django.urls import reverse

from gateway.models import Model, Provider, RequestLog, RoutingRule, Task
from tenants.models import ApiKey, EndUser, Tenant
from tests.cast import Cast, Company, at_work, build_cast, in_console, logged_in

pytestmark = pytest.mark.django_db


def page(row: Any, name: str, *args: Any) -> str:
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_{name}", args=args)


def markers(company: Company) -> list[str]:
    """What would tell that the company exists."""
    return [
        str(company.tenant.pk),
        company.tenant.name,
        company.tenant.slug,
        str(company.request),
        company.provider.name,
    ]


KINDS = [
    "tenant",
    "key",
    "end_user",
    "subscription",
    "provider",
    "model",
    "task",
    "rule",
    "request",
    "budget",
    "alert",
    "channel",
    "label",
    "feedback",
    "quality_model",
    "semantic_watch",
    "semantic_check",
    "cache_policy",
]


def rows(company: Company) -> dict[str, Any]:
    return dict(zip(KINDS, company.rows, strict=True))


@pytest.mark.parametrize("kind", KINDS)
def test_another_tenants_row_is_not_found_by_its_address(cast: Cast, kind: str):
    """Neither in its own console, which Charlie cannot enter, nor in his."""
    row = rows(cast.acme)[kind]
    for client in (in_console(cast.charlie, cast.acme.tenant), in_console(cast.charlie, cast.globex.tenant)):
        for name in ("change", "history", "delete"):
            response = client.get(page(row, name, row.pk))
            assert response.status_code == 404, name
            assert not [text for text in markers(cast.acme) if text in response.content.decode()]
        assert client.post(page(row, "change", row.pk), {"name": "taken over"}).status_code == 404
        assert client.post(page(row, "delete", row.pk), {"post": "yes"}).status_code == 404
    assert type(row).objects.filter(pk=row.pk).exists()


@pytest.mark.parametrize("kind", KINDS)
def test_another_tenants_rows_are_in_no_list_search_or_filter(cast: Cast, kind: str):
    row = rows(cast.globex)[kind]
    client = at_work(cast.ada)
    address = page(row, "changelist")
    tries: list[dict[str, Any]] = [
        {},
        {"q": "Globex"},
        {"q": str(cast.globex.request)},
        {"tenant": str(cast.globex.tenant.pk)},
        {"tenant__id__exact": str(cast.globex.tenant.pk)},
        {"all": "1"},
    ]
    for query in tries:
        response = client.get(address, query, follow=True)
        content = response.content.decode()
        for text in markers(cast.globex):
            if text not in str(query):  # the search box repeats what was asked
                assert text not in content, (query, text)
        assert str(row.pk) not in content or str(row.pk) in str(query)


@pytest.mark.parametrize("kind", ["key", "end_user", "task", "rule"])
def test_another_tenants_rows_are_offered_in_no_form_and_accepted_by_none(cast: Cast, kind: str):
    row = rows(cast.acme)[kind]
    client = at_work(cast.ada)
    for address in (page(row, "add"), page(row, "change", row.pk)):
        content = client.get(address).content.decode()
        assert not [text for text in markers(cast.globex) if text in content]


@pytest.mark.parametrize(
    ("source", "field", "theirs"),
    [
        (ApiKey, "tenant", "tenant"),
        (Task, "default_model", "model"),
    ],
)
def test_autocomplete_offers_nothing_of_another_tenant(cast: Cast, source: Any, field: str, theirs: str):
    query = {
        "app_label": source._meta.app_label,
        "model_name": source._meta.model_name,
        "field_name": field,
        "term": "",
    }
    response = at_work(cast.ada).get(reverse("admin:autocomplete"), query)
    offered = {result["id"] for result in response.json()["results"]}
    assert str(rows(cast.globex)[theirs].pk) not in offered
    assert str(rows(cast.acme)[theirs].pk) in offered


def test_autocomplete_of_people_is_the_operators(cast: Cast):
    query = {"app_label": "tenants", "model_name": "membership", "field_name": "user", "term": ""}
    assert at_work(cast.alice).get(reverse("admin:autocomplete"), query).status_code == 403
    assert logged_in(cast.olga).get(reverse("admin:autocomplete"), query).status_code == 200


def test_a_row_cannot_be_made_for_another_tenant_or_for_all(cast: Cast):
    client = at_work(cast.ada)
    for tenant_id in (str(cast.globex.tenant.pk), ""):
        form = {"tenant": tenant_id, "external_id": "smuggled", "tier": "free"}
        client.post(reverse("admin:tenants_enduser_add"), form)
        rule = {"tenant": tenant_id, "name": "smuggled", "chain_model": str(cast.acme.model.pk), "tags": "x"}
        client.post(reverse("admin:gateway_routingrule_add"), rule)
    assert {row.tenant for row in EndUser.objects.filter(external_id="smuggled")} == {cast.acme.tenant}
    assert {row.tenant for row in RoutingRule.objects.filter(name="smuggled")} == {cast.acme.tenant}


def test_another_tenants_model_is_refused_as_a_choice(cast: Cast):
    form = {
        "tenant": str(cast.acme.tenant.pk),
        "slug": "smuggled",
        "name": "Smuggled",
        "urgency": "real-time",
        "chain_model": str(cast.globex.model.pk),
    }
    response = at_work(cast.ada).post(reverse("admin:gateway_task_add"), form)
    assert "One of these models is not there any more." in response.content.decode()
    assert not Task.objects.filter(slug="smuggled").exists()


def empty_formset(prefix: str) -> dict[str, int]:
    return {f"{prefix}-TOTAL_FORMS": 0, f"{prefix}-INITIAL_FORMS": 0}


def test_admins_edit_their_own_rows(cast: Cast):
    row = cast.acme.end_user
    response = at_work(cast.ada).post(page(row, "change", row.pk), {"external_id": row.external_id, "tier": "paid"})
    assert response.status_code == 302
    row.refresh_from_db()
    assert (row.tier, row.tenant) == ("paid", cast.acme.tenant)


def test_a_row_keeps_its_tenant(cast: Cast):
    row = cast.acme.end_user
    form = {"tenant": str(cast.globex.tenant.pk), "external_id": row.external_id, "tier": "paid"}
    logged_in(cast.olga).post(page(row, "change", row.pk), form)
    row.refresh_from_db()
    assert (row.tier, row.tenant) == ("paid", cast.acme.tenant)


@pytest.mark.parametrize("person", ["vera", "bob"])
def test_viewers_and_developers_look_and_change_nothing(cast: Cast, person: str):
    row = cast.acme.end_user
    client = at_work(getattr(cast, person))
    assert client.get(page(row, "change", row.pk)).status_code == 200
    assert client.post(page(row, "change", row.pk), {"external_id": "x", "tier": "paid"}).status_code == 403
    assert client.get(page(row, "add")).status_code == 403
    assert client.post(page(row, "delete", row.pk), {"post": "yes"}).status_code == 403
    row.refresh_from_db()
    assert row.tier == "free"


def test_the_operators_catalog_is_to_be_seen_and_not_to_be_changed(cast: Cast):
    client = at_work(cast.ada)
    for row in (cast.model, cast.task, cast.rule):
        assert client.get(page(row, "change", row.pk)).status_code == 200
        assert client.post(page(row, "change", row.pk), {"name": "mine now"}).status_code == 403
        assert client.post(page(row, "delete", row.pk), {"post": "yes"}).status_code == 403
    assert client.get(page(cast.provider, "change", cast.provider.pk)).status_code == 404


def test_the_order_of_the_operators_rules_cannot_be_changed_from_the_list(cast: Cast):
    form = {
        "form-TOTAL_FORMS": 1,
        "form-INITIAL_FORMS": 1,
        "form-0-id": str(cast.rule.pk),
        "form-0-position": 1,
        "_save": "Save",
    }
    at_work(cast.ada).post(page(cast.rule, "changelist"), form)
    cast.rule.refresh_from_db()
    assert cast.rule.position == 100


def test_plans_people_and_groups_are_the_operators(cast: Cast):
    client = at_work(cast.alice)
    for name in ("billing_plan", "auth_user", "auth_group", "tenants_membership"):
        assert client.get(reverse(f"admin:{name}_changelist")).status_code == 404
        assert client.get(reverse(f"admin:{name}_add")).status_code == 404


def test_the_operators_site_is_the_operators(cast: Cast):
    for person in (cast.alice, cast.vera, cast.charlie):
        client = logged_in(person)
        for model in admin.site._registry:
            assert client.get(page(model, "changelist")).status_code == 403
        assert client.get(reverse("admin:index")).status_code == 403
    assert logged_in(cast.olga).get(reverse("admin:index")).status_code == 200


def test_a_member_cannot_revive_or_rename_the_tenants_address(cast: Cast):
    tenant = cast.acme.tenant
    Tenant.objects.filter(pk=tenant.pk).update(is_active=False)
    form = {"name": "Acme 2", "slug": "other", "timezone": "UTC", "is_active": "on", **empty_formset("membership_set")}
    assert at_work(cast.alice).post(page(tenant, "change", tenant.pk), form).status_code == 302
    fresh = Tenant.objects.get(pk=tenant.pk)
    assert (fresh.name, fresh.slug, fresh.is_active) == ("Acme 2", tenant.slug, False)


def test_the_audit_trail_shows_editors_their_tenants_entries_only(db: None):
    cast = build_cast()  # with the trail of its making
    address = reverse("admin:auditlog_logentry_changelist")
    content = at_work(cast.ada).get(address).content.decode()
    assert cast.acme.end_user.external_id in content
    assert not [text for text in markers(cast.globex) if text in content]
    assert cast.model.name not in content
    assert at_work(cast.vera).get(address).status_code == 403


def test_the_sidebar_names_only_what_there_is_to_see(cast: Cast):
    ada = in_console(cast.ada, cast.acme.tenant)
    content = ada.get(ada.home).content.decode()
    assert ada.at(reverse("admin:gateway_requestlog_changelist")) in content
    for name in ("billing_plan", "auth_user", "auth_group"):
        assert ada.at(reverse(f"admin:{name}_changelist")) not in content


def test_the_cast_is_what_the_tests_think_it_is(cast: Cast):
    for model in (Model, Provider, RequestLog):
        assert model.objects.filter(tenant=cast.globex.tenant).count() == 1
