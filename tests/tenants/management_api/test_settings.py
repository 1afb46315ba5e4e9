"""A tenant's settings and its single sign-on by the management API: what its people say, and nothing that is the operator's to say."""

from typing import Any

import pytest

from tenants import audit
from tenants.models import SsoConnection, Tenant
from tests.cast import Cast, in_console
from tests.management import error_of, script

pytestmark = pytest.mark.django_db
SECRET = "an-identity-providers-secret"
NEW = {
    "name": "Acme login", "issuer": "https://1.1.1.1:1/", "client_id": "tollgate", "client_secret": SECRET,
    "domains": ["@Acme.example", "acme.example"], "joins_as": "viewer",
}  # fmt: skip


def test_name_and_time_zone_are_changed_and_the_trail_says_by_whom(cast: Cast):
    ada = script(cast.acme.tenant, by=cast.ada)
    told = ada.patch("tenant", {"name": "Acme & Co", "timezone": "Asia/Tokyo"}).json()
    assert (told["name"], told["timezone"], told["slug"]) == ("Acme & Co", "Asia/Tokyo", cast.acme.tenant.slug)
    cast.acme.tenant.refresh_from_db()
    assert (cast.acme.tenant.name, cast.acme.tenant.timezone) == ("Acme & Co", "Asia/Tokyo")
    latest = audit.history_of(cast.acme.tenant)[0]
    assert (latest.actor, set(latest.changes_dict)) == (cast.ada, {"name", "timezone"})


@pytest.mark.parametrize(
    ("body", "field"),
    [({"timezone": "Mars/Olympus"}, "timezone"), ({"name": ""}, "name"), ({"log_days": 1}, "log_days"), ({"slug": "x"}, "slug")],
)  # fmt: skip
def test_what_is_wrong_or_the_operators_is_refused(cast: Cast, body: dict[str, Any], field: str):
    before = Tenant.objects.filter(pk=cast.acme.tenant.pk).values().get()
    assert list(error_of(script(cast.acme.tenant, "owner").patch("tenant", body), 400)["fields"]) == [field]
    assert Tenant.objects.filter(pk=cast.acme.tenant.pk).values().get() == before


def test_the_page_of_settings_saves_the_same_and_shows_what_the_operator_says(cast: Cast):
    client = in_console(cast.ada, cast.acme.tenant)
    page = f"{client.home}tenants/tenant/{cast.acme.tenant.pk}/change/"
    response = client.post(page, {"name": "Acme AG", "timezone": "Europe/Zurich", "log_days": "1"})
    assert response.status_code == 302
    cast.acme.tenant.refresh_from_db()
    tenant = cast.acme.tenant
    assert (tenant.name, tenant.timezone, tenant.log_days) == ("Acme AG", "Europe/Zurich", None)


def test_single_sign_on_is_set_up_changed_and_taken_away(cast: Cast):
    alice = script(cast.acme.tenant, "owner", by=cast.alice)
    error_of(alice.get("single-sign-on"), 404)
    made = alice.post("single-sign-on", NEW)
    assert made.status_code == 201, made.content
    told = made.json()
    assert (told["issuer"], told["domains"], told["approved_domains"]) == ("https://1.1.1.1:1", ["acme.example"], [])
    assert told["problems"] == ["The issuer cannot be reached from here, or is not on the public internet."]
    assert "/login/callback/" in told["callback"]
    assert SECRET not in made.content.decode() + alice.get("single-sign-on").content.decode()
    row = SsoConnection.objects.get()
    assert (row.tenant, row.client_secret) == (cast.acme.tenant, SECRET)
    assert error_of(alice.post("single-sign-on", NEW), 409)["code"] == "conflict"
    assert alice.patch("single-sign-on", {"joins_as": "", "is_active": False}).status_code == 200
    row.refresh_from_db()
    assert (row.joins_as, row.is_active, row.client_secret) == ("", False, SECRET)
    assert SECRET not in str([entry.changes for entry in audit.history_of(row)])
    assert alice.delete("single-sign-on").status_code == 204
    assert not SsoConnection.objects.exists()


def test_its_secret_does_not_follow_to_another_issuer(cast: Cast):
    alice = script(cast.acme.tenant, "owner")
    alice.post("single-sign-on", NEW)
    elsewhere = {"issuer": "https://1.0.0.1:1"}
    assert list(error_of(alice.patch("single-sign-on", elsewhere), 400)["fields"]) == ["client_secret"]
    page = in_console(cast.alice, cast.acme.tenant)
    row = SsoConnection.objects.get()
    form = {"name": "Acme login", **elsewhere, "client_id": "tollgate", "domains": "acme.example", "is_active": "on"}
    content = page.post(f"{page.home}tenants/ssoconnection/{row.pk}/change/", form).content.decode()
    assert "With another issuer, enter its client secret as well." in content
    row.refresh_from_db()
    assert (row.issuer, row.client_secret) == ("https://1.1.1.1:1", SECRET)
    assert alice.patch("single-sign-on", {**elsewhere, "client_secret": "new"}).status_code == 200


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"issuer": "http://10.0.0.1"}, "issuer"),
        ({"domains": ["not a domain"]}, "domains"),
        ({"joins_as": "owner"}, "joins_as"),
        ({"approved_domains": ["acme.example"]}, "approved_domains"),
    ],
)
def test_a_connection_that_makes_no_sense_is_refused(cast: Cast, body: dict[str, Any], field: str):
    assert list(error_of(script(cast.acme.tenant, "owner").post("single-sign-on", {**NEW, **body}), 400)["fields"]) == [
        field
    ]
    assert not SsoConnection.objects.exists()


def test_it_is_the_owners_alone(cast: Cast):
    for role in ("admin", "developer", "viewer"):
        error_of(script(cast.acme.tenant, role).get("single-sign-on"), 403)
        error_of(script(cast.acme.tenant, role).post("single-sign-on", NEW), 403)
    assert not SsoConnection.objects.exists()
