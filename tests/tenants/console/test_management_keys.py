"""The page of management keys: made by owners and admins up to their own role, shown once, revoked."""

import pytest

from tenants import management_keys
from tenants.models import ManagementKey
from tenants.roles import Role
from tests.cast import Cast, in_console
from tests.management import Script, error_of

pytestmark = pytest.mark.django_db


def test_an_admin_makes_a_key_which_is_shown_once_and_works(cast: Cast):
    ada = in_console(cast.ada, cast.acme.tenant)
    form = {"name": "terraform", "role": "admin", "subjects": ["budgets", "channels"], "expires_at": ""}
    response = ada.post(f"{ada.home}management-keys/add/", form)
    assert response.status_code == 200
    key = ManagementKey.objects.get()
    assert (key.name, key.role, key.subjects, key.created_by) == (
        "terraform",
        "admin",
        ["budgets", "channels"],
        cast.ada,
    )
    secret = next(word for word in response.content.decode().split() if word.startswith('id="secret">tgm-'))
    secret = secret.removeprefix('id="secret">').partition("<")[0]
    assert Script(secret).get("budgets").status_code == 200
    listed = ada.get(f"{ada.home}management-keys/").content.decode()
    assert "terraform" in listed
    assert "only: Budgets and limits, Alert channels" in listed
    assert secret not in listed


def test_nobody_makes_a_key_above_their_own_role(cast: Cast):
    ada = in_console(cast.ada, cast.acme.tenant)
    content = ada.post(f"{ada.home}management-keys/add/", {"name": "x", "role": "owner"}).content.decode()
    assert "Select a valid choice" in content
    assert 'value="owner"' not in content
    assert not ManagementKey.objects.exists()


@pytest.mark.parametrize("person", ["bob", "vera"])
def test_developers_and_viewers_neither_see_nor_make_them(cast: Cast, person: str):
    client = in_console(getattr(cast, person), cast.acme.tenant)
    assert client.get(f"{client.home}management-keys/").status_code == 403
    assert client.post(f"{client.home}management-keys/add/", {"name": "x", "role": "viewer"}).status_code == 403
    assert "management-keys" not in client.get(client.home).content.decode()
    assert not ManagementKey.objects.exists()


def test_a_key_is_revoked_after_asking(cast: Cast):
    made = management_keys.create(cast.acme.tenant, name="x", role=Role.ADMIN, by=cast.ada, by_role=Role.ADMIN)
    ada = in_console(cast.ada, cast.acme.tenant)
    address = f"{ada.home}management-keys/{made.key.pk}/revoke/"
    assert "cannot be undone" in ada.get(address).content.decode()
    assert Script(made.secret).get("keys").status_code == 200
    assert ada.post(address).status_code == 302
    error_of(Script(made.secret).get("keys"), 401)
    charlie = in_console(cast.charlie, cast.globex.tenant)
    theirs = f"{charlie.home}management-keys/{made.key.pk}/revoke/"
    assert charlie.get(theirs).status_code == 404
