"""Making, recognising and revoking keys."""

import re

import pytest
from django.core.exceptions import ValidationError

from tenants import api_keys
from tenants.models import ApiKey
from tests.cast import Cast

pytestmark = pytest.mark.django_db


def test_a_key_is_stored_as_its_hash_only(cast: Cast):
    made = api_keys.create(cast.acme.tenant, name="bot")
    assert re.fullmatch(r"tg-[A-Za-z0-9_-]{43}", made.secret)
    row = ApiKey.objects.get(pk=made.api_key.pk)
    assert row.secret_sha256 == api_keys.digest(made.secret)
    assert row.prefix == made.secret[:10]
    assert not any(made.secret in str(value) for value in vars(row).values())


def test_refuses_bad_fields_and_makes_nothing(cast: Cast):
    with pytest.raises(ValidationError):
        api_keys.create(cast.acme.tenant, name="bot", scopes=["everything"])
    assert not ApiKey.objects.filter(name="bot").exists()


def test_revoking_twice_keeps_the_first_time(cast: Cast):
    key = cast.acme.key.api_key
    api_keys.revoke(key)
    first = key.revoked_at
    api_keys.revoke(key)
    key.refresh_from_db()
    assert key.revoked_at == first is not None
