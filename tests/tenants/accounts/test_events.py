"""What happens to accounts stands in the trail: of the operators, of the person's tenants, and of nobody else."""

from typing import Any

import pytest
from auditlog.models import LogEntry
from django.urls import reverse

from tenants.models import Membership
from tests.cast import Cast, in_console, logged_in
from tests.tenants.accounts.test_second_factor import activated
from tests.tenants.accounts.test_sign_in import PASSWORD, sign_in, with_password

pytestmark = pytest.mark.django_db


def events(**about: Any) -> list[tuple[str, str | None, str | None]]:
    """What the operators see of one person's: event, whose doing, from where."""
    rows = LogEntry.objects.filter(action=LogEntry.Action.ACCESS, **about).exclude(additional_data__has_key="is_copy")
    return [(row.additional_data["event"], row.actor_email, row.remote_addr) for row in rows.order_by("id")]


def test_signing_in_and_out_and_failing_to(cast: Cast):
    with_password(cast.vera)
    before = set(LogEntry.objects.values_list("id", flat=True))
    sign_in(cast.vera.email, "wrong", REMOTE_ADDR="192.0.2.66")
    client = sign_in(cast.vera.email, REMOTE_ADDR="192.0.2.7").client
    client.post("/account/logout/")
    sign_in("nobody@example.com", "wrong")
    assert events(object_id=cast.vera.pk) == [
        ("sign_in_failed", None, "192.0.2.66"),
        ("signed_in", cast.vera.email, "192.0.2.7"),
        ("signed_out", cast.vera.email, "192.0.2.7"),
    ]
    written = LogEntry.objects.exclude(id__in=before)
    assert written.exclude(additional_data__has_key="is_copy").count() == 3
    assert "wrong" not in str(list(written.values()))


def test_changes_of_what_protects_the_account(
    cast: Cast, django_capture_on_commit_callbacks: Any, mailoutbox: list[Any]
):
    client = sign_in(with_password(cast.vera).email).client
    form = {"oldpassword": PASSWORD, "password1": "another horse battery", "password2": "another horse battery"}
    client.post("/account/password/change/", form)
    sign_in(cast.vera.email, "another horse battery")
    client.post("/account/sessions/", {"session": "others"})
    assert [event for event, _actor, _place in events(object_id=cast.vera.pk)] == [
        "signed_in",
        "password_changed",
        "signed_in",
        "sessions_ended",
    ]


@pytest.mark.django_db(transaction=True)
def test_a_second_factor_that_is_added_and_one_that_is_wrong(cast: Cast):
    activated(sign_in(with_password(cast.vera).email).client)
    sign_in(cast.vera.email).client.post("/account/2fa/authenticate/", {"code": "000000"})
    seen = [event for event, _actor, _place in events(object_id=cast.vera.pk)]
    assert seen[0] == "signed_in"
    assert set(seen[1:-1]) == {"factor_added"}  # the app, and with it recovery codes
    assert seen[-1] == "code_failed"


def test_owners_and_admins_see_what_happens_to_their_members_and_nobody_else_does(cast: Cast):
    sign_in(with_password(cast.vera).email, "wrong", REMOTE_ADDR="192.0.2.66")
    address = reverse("admin:auditlog_logentry_changelist")
    for person, tenant, sees in (
        (cast.alice, cast.acme.tenant, True),
        (cast.ada, cast.acme.tenant, True),
        (cast.charlie, cast.globex.tenant, False),
    ):
        content = in_console(person, tenant).get(address).content.decode()
        assert ("Failed to sign in" in content) is sees
        assert ("192.0.2.66" in content) is sees
    assert in_console(cast.bob, cast.acme.tenant).get(address).status_code == 403
    assert logged_in(cast.olga).get(address).content.decode().count("Failed to sign in") == 1


def test_who_belongs_to_two_tenants_is_seen_by_both_and_once_by_the_operators(cast: Cast):
    Membership.objects.create(tenant=cast.globex.tenant, user=cast.vera, role="viewer")
    sign_in(with_password(cast.vera).email)
    address = reverse("admin:auditlog_logentry_changelist")
    for client in (
        in_console(cast.ada, cast.acme.tenant),
        in_console(cast.charlie, cast.globex.tenant),
        logged_in(cast.olga),
    ):
        assert client.get(address).content.decode().count("Signed in") == 1


def test_an_entry_has_a_page(cast: Cast):
    sign_in(with_password(cast.vera).email)
    entry = LogEntry.objects.get(action=LogEntry.Action.ACCESS, additional_data__tenant_id=str(cast.acme.tenant.pk))
    content = in_console(cast.ada, cast.acme.tenant).get(reverse("admin:auditlog_logentry_change", args=[entry.pk]))
    assert "Signed in" in content.content.decode()
