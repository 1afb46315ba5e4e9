"""`manage.py rotate_encryption`: every secret under the newest key, or nothing changed."""

import io
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from cryptography.fernet import Fernet
from django.core.management import CommandError, call_command
from django.db import connection

from gateway.models import Provider
from tests.cast import CREDENTIAL, Cast

pytestmark = pytest.mark.django_db

OLD, NEW, STRANGE = (Fernet.generate_key().decode() for _ in range(3))


def stored(row: Provider) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT credential FROM gateway_provider WHERE id = %s", [row.pk])
        return str(cursor.fetchone()[0])


@pytest.fixture
def providers(settings: Any, cast: Cast) -> list[Provider]:
    """Those of the cast, written with the old key, and nothing else."""
    Authenticator.objects.all().delete()  # those of people in browsers, whose tests commit
    settings.ENCRYPTION_KEYS = [OLD]
    mine = [cast.provider, cast.acme.provider, cast.globex.provider]
    Provider.objects.exclude(pk__in=[row.pk for row in mine]).update(credential="")
    Provider.objects.update(credential=CREDENTIAL)
    return mine


def test_the_old_key_can_be_dropped_afterwards(settings: Any, providers: list[Provider]):
    settings.ENCRYPTION_KEYS = [NEW, OLD]
    before = [stored(row) for row in providers]
    out = io.StringIO()
    call_command("rotate_encryption", stdout=out)
    assert "now encrypted with the newest key" in out.getvalue()
    assert all(stored(row) != token for row, token in zip(providers, before, strict=True))
    settings.ENCRYPTION_KEYS = [NEW]
    assert {Provider.objects.get(pk=row.pk).credential for row in providers} == {CREDENTIAL}


def test_one_unreadable_secret_is_named_and_nothing_is_changed(settings: Any, providers: list[Provider]):
    with connection.cursor() as cursor:
        token = Fernet(STRANGE).encrypt(b"secret").decode()
        cursor.execute("UPDATE gateway_provider SET credential = %s WHERE id = %s", [token, providers[1].pk])
    settings.ENCRYPTION_KEYS = [NEW, OLD]
    before = [stored(row) for row in providers]
    with pytest.raises(CommandError) as caught:
        call_command("rotate_encryption")
    assert f"gateway_provider.credential of row {providers[1].pk}" in str(caught.value)
    assert "nothing was changed" in str(caught.value)
    assert CREDENTIAL not in str(caught.value)
    assert [stored(row) for row in providers] == before


def test_it_can_be_run_twice(settings: Any, providers: list[Provider]):
    settings.ENCRYPTION_KEYS = [NEW, OLD]
    call_command("rotate_encryption", stdout=io.StringIO())
    call_command("rotate_encryption", stdout=io.StringIO())
    settings.ENCRYPTION_KEYS = [NEW]
    assert Provider.objects.get(pk=providers[0].pk).credential == CREDENTIAL
