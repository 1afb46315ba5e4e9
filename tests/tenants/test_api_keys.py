"""Making, recognising, rotating and revoking keys."""

import datetime as dt
import re

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone

from tenants import api_keys
from tenants.models import ApiKey, ApiKeySecret
from tests.cast import Cast

pytestmark = pytest.mark.django_db

DAY = dt.timedelta(days=1)


def secrets_of(key: ApiKey) -> list[tuple[str, dt.datetime | None]]:
    """The key's secrets, oldest first: its beginning, and until when it is accepted."""
    return [(item.prefix, item.ends_at) for item in ApiKeySecret.objects.filter(api_key=key).order_by("created_at")]


def test_a_key_is_stored_as_its_hash_only(cast: Cast):
    made = api_keys.create(cast.acme.tenant, name="bot", created_by=cast.ada)
    assert re.fullmatch(r"tg-[A-Za-z0-9_-]{43}", made.secret)
    row = ApiKey.objects.get(pk=made.api_key.pk)
    secret = row.secrets.get()
    assert (secret.secret_sha256, secret.ends_at) == (api_keys.digest(made.secret), None)
    assert (row.prefix, secret.prefix, secret.tenant) == (made.secret[:10], made.secret[:10], cast.acme.tenant)
    assert (row.created_by, secret.created_by) == (cast.ada, cast.ada)
    assert not any(made.secret in str(value) for value in [*vars(row).values(), *vars(secret).values()])


def test_refuses_bad_fields_and_makes_nothing(cast: Cast):
    with pytest.raises(ValidationError):
        api_keys.create(cast.acme.tenant, name="bot", scopes=["everything"])
    assert not ApiKey.objects.filter(name="bot").exists()


def test_a_rotated_key_has_a_new_secret_and_the_former_one_ends_a_day_later(cast: Cast):
    key, now = cast.acme.key.api_key, timezone.now()
    former = key.prefix
    made = api_keys.rotate(key, rotated_by=cast.bob, now=now)
    assert made.secret != cast.acme.key.secret
    assert secrets_of(key) == [(former, now + DAY), (made.secret[:10], None)]
    assert made.api_key.pk == key.pk
    assert ApiKey.objects.get(pk=key.pk).prefix == made.secret[:10] == key.prefix
    assert key.secrets.get(ends_at=None).created_by == cast.bob


def test_without_an_overlap_the_former_secret_ends_at_once(cast: Cast):
    key, now = cast.acme.key.api_key, timezone.now()
    api_keys.rotate(key, overlap=dt.timedelta(0), now=now)
    assert key.secrets.exclude(ends_at=None).get().ends_at == now
    assert [item.is_accepted(now) for item in key.secrets.all()] == [True, False]


def test_a_second_rotation_keeps_the_end_that_was_promised_by_the_first(cast: Cast):
    key, now = cast.acme.key.api_key, timezone.now()
    api_keys.rotate(key, overlap=30 * DAY, now=now)
    api_keys.rotate(key, overlap=DAY, now=now)
    assert [ends_at for _prefix, ends_at in secrets_of(key)] == [now + 30 * DAY, now + DAY, None]


@pytest.mark.parametrize("overlap", [dt.timedelta(days=30, seconds=1), dt.timedelta(seconds=-1)])
def test_an_overlap_out_of_bounds_is_refused(cast: Cast, overlap: dt.timedelta):
    key = cast.acme.key.api_key
    with pytest.raises(ValidationError, match="at most 30 days"):
        api_keys.rotate(key, overlap=overlap)
    assert len(secrets_of(key)) == 1


@pytest.mark.parametrize("fields", [{"revoked_at": timezone.now()}, {"expires_at": timezone.now() - DAY}])
def test_a_key_that_is_over_is_not_rotated(cast: Cast, fields: dict[str, dt.datetime]):
    key = cast.acme.key.api_key
    ApiKey.objects.filter(pk=key.pk).update(**fields)
    with pytest.raises(ValidationError, match="revoked or expired"):
        api_keys.rotate(key)
    assert len(secrets_of(key)) == 1


def test_only_so_many_secrets_are_accepted_at_once_but_a_leaked_one_can_always_be_ended(cast: Cast):
    key = cast.acme.key.api_key
    for _ in range(api_keys.MOST_SECRETS - 1):
        api_keys.rotate(key, overlap=DAY)
    with pytest.raises(ValidationError, match="5 secrets of this key are valid"):
        api_keys.rotate(key, overlap=DAY)
    api_keys.rotate(key, overlap=dt.timedelta(0))
    former = key.secrets.filter(ends_at__gt=timezone.now()).first()
    assert former is not None
    api_keys.end_secret(former)
    api_keys.rotate(key, overlap=DAY)


def test_a_former_secret_is_ended_early_and_the_present_one_is_not(cast: Cast):
    key, now = cast.acme.key.api_key, timezone.now()
    api_keys.rotate(key, now=now)
    former, present = key.secrets.exclude(ends_at=None).get(), key.secrets.get(ends_at=None)
    api_keys.end_secret(former, now=now)
    api_keys.end_secret(former, now=now + DAY)
    former.refresh_from_db()
    assert former.ends_at == now
    with pytest.raises(ValidationError, match="present secret"):
        api_keys.end_secret(present)


def test_the_database_knows_one_lasting_secret_of_a_key(cast: Cast):
    with pytest.raises(IntegrityError), transaction.atomic():
        ApiKeySecret.objects.create(
            tenant=cast.acme.tenant, api_key=cast.acme.key.api_key, prefix="tg-x", secret_sha256="0" * 64
        )


def test_revoking_twice_keeps_the_first_time(cast: Cast):
    key = cast.acme.key.api_key
    api_keys.revoke(key)
    first = key.revoked_at
    api_keys.revoke(key)
    key.refresh_from_db()
    assert key.revoked_at == first is not None
