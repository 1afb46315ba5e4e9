"""What a role may do is what the table says, on every page of a model; and nobody's page is left out of it."""

from typing import Any

import pytest
from django.urls import reverse

from tenants import roles
from tenants.models import Membership
from tenants.roles import RIGHTS, Role
from tenants.sites import console
from tests.cast import Cast, in_console

pytestmark = pytest.mark.django_db

PAGES = sorted((page for page in console._registry.values()), key=lambda page: page.model._meta.label)
NEVER = {
    "alerts",
    "audit",
    "labels",
    "quality_models",
    "requests",
    "subscription",
    "tenant",
}  # nobody adds such a row by hand


def subject_of(page: Any) -> str:
    return getattr(page, "subject", "") or {"auditlog.LogEntry": "audit"}[page.model._meta.label]


def test_every_page_has_a_subject_of_the_table():
    assert {subject_of(page) for page in PAGES} <= set(RIGHTS)


@pytest.mark.parametrize("role", Role)
def test_lists_and_forms_open_as_the_table_says(cast: Cast, role: Role):
    Membership.objects.filter(user=cast.bob).update(role=role)
    client = in_console(cast.bob, cast.acme.tenant)
    for page in PAGES:
        subject, name = subject_of(page), f"admin:{page.model._meta.app_label}_{page.model._meta.model_name}"
        seen = client.get(reverse(f"{name}_changelist"), follow=True).status_code
        assert seen == (200 if roles.may(role, "view", subject) else 403), subject
        added = client.get(reverse(f"{name}_add"), follow=True).status_code
        assert added == (200 if roles.may(role, "add", subject) and subject not in NEVER else 403), subject


@pytest.mark.parametrize("role", Role)
def test_rows_are_changed_and_deleted_as_the_table_says(cast: Cast, role: Role):
    Membership.objects.filter(user=cast.bob).update(role=role)
    client = in_console(cast.bob, cast.acme.tenant)
    for row in cast.acme.rows:
        page = console._registry.get(type(row))
        if page is None:  # budgets and alerts have pages of their own: tests/billing/pages/test_rights.py
            continue
        name, subject = f"admin:{row._meta.app_label}_{row._meta.model_name}", subject_of(page)
        is_free = not roles.only_own(role, subject)  # the rows of the cast are nobody's
        for action, address in (("change", "change"), ("delete", "delete")):
            response = client.post(reverse(f"{name}_{address}", args=[row.pk]), {"post": "no"})
            allowed = roles.may(role, action, subject) and is_free and (subject not in NEVER or subject == "tenant")
            assert (response.status_code != 403) is allowed, (subject, action)
        assert type(row)._base_manager.filter(pk=row.pk).exists() or roles.may(role, "delete", subject)


def test_an_owner_may_all_that_an_admin_may_and_so_on_down():
    order = [Role.VIEWER, Role.DEVELOPER, Role.ADMIN, Role.OWNER]
    for subject, rights in RIGHTS.items():
        for action in ("view", "add", "change", "delete"):
            allowed = [role in rights.of(action) for role in order]
            assert allowed == sorted(allowed), (subject, action)
