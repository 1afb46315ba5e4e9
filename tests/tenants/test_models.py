"""What a tenant's rows accept, and what they say when they don't."""

import datetime as dt

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from tenants.models import ApiKey, EndUser, Membership, Tenant
from tenants.models_joining import DOMAIN
from tests.cast import Cast

pytestmark = pytest.mark.django_db


def test_a_time_zone_must_be_a_name_of_the_iana_database():
    with pytest.raises(ValidationError) as caught:
        Tenant(name="T", slug="t-zone", timezone="Mars/Olympus").full_clean()
    assert caught.value.message_dict == {
        "timezone": ["“Mars/Olympus” is not a time zone. Use an IANA name such as Europe/Vienna."]
    }


def test_a_slug_is_taken_once(cast: Cast):
    with pytest.raises(ValidationError) as caught:
        Tenant(name="T", slug=cast.acme.tenant.slug).full_clean()
    assert caught.value.message_dict == {"slug": ["Tenant with this Slug already exists."]}


def test_a_person_belongs_to_a_tenant_once(cast: Cast):
    with pytest.raises(ValidationError, match="Membership with this Tenant and User already exists"):
        Membership(tenant=cast.acme.tenant, user=cast.bob).full_clean()


def test_two_tenants_may_know_an_end_user_by_the_same_name(cast: Cast):
    EndUser(tenant=cast.globex.tenant, external_id=cast.acme.end_user.external_id).full_clean()
    with pytest.raises(ValidationError):
        EndUser(tenant=cast.acme.tenant, external_id=cast.acme.end_user.external_id).full_clean()


def test_a_key_without_scopes_says_that_it_can_do_nothing(cast: Cast):
    with pytest.raises(ValidationError) as caught:
        ApiKey(tenant=cast.acme.tenant, name="k", prefix="tg-", scopes=[]).full_clean()
    assert caught.value.message_dict["scopes"][-1] == "Choose at least one scope; a key without any can do nothing."


@pytest.mark.parametrize(
    ("fields", "usable"),
    [
        ({}, True),
        ({"expires_at": dt.timedelta(minutes=1)}, True),
        ({"expires_at": dt.timedelta(minutes=-1)}, False),
        ({"revoked_at": dt.timedelta(minutes=-1)}, False),
    ],
)
def test_a_key_is_usable_until_it_is_revoked_or_expires(fields: dict[str, dt.timedelta], usable: bool):
    times = {name: timezone.now() + delta for name, delta in fields.items()}
    assert ApiKey(**times).is_usable is usable


@pytest.mark.parametrize("domain", ["acme.example\n", "acme.example\r", "\nacme.example", "acme.example\nx.example"])
def test_a_domain_has_no_line_break(domain: str):
    with pytest.raises(ValidationError):
        DOMAIN(domain)
