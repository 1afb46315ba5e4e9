"""Bodies of the management API say what they may and nothing more: not whose a row is, who made it, or what only operators say."""

from __future__ import annotations

import pytest

from tests.cast import Cast, cast
from tests.config.matrix.addresses import everything, filled, prepare
from tests.config.matrix.test_matrix import api_routes
from tests.management import script

__all__ = ["cast"]
pytestmark = pytest.mark.django_db

# What a body must never set, whichever row it is of.
NEVER = {
    "id", "pk", "tenant", "tenant_id", "created_at", "created_by", "created_by_id", "secret_sha256", "config_version",
    "approved_domains", "confirmed_at", "last_used_at", "is_superuser", "is_staff", "plan_id", "is_guarded", "used",
}  # fmt: skip
OPERATORS_ALONE = {
    "keys": {"prefix"},
    "tenant": {"slug", "is_active", "log_days", "plan"},
    "subscriptions": {"plan", "started_at"},
}


def writable() -> dict[str, set[str]]:
    """The fields that a body of each operation may have."""
    found: dict[str, set[str]] = {}
    for method, route, item in api_routes():
        serializer = getattr(getattr(item.callback, "cls", None), "serializer_class", None)
        if method in ("post", "patch") and serializer is not None:
            fields = serializer().get_fields()
            found[route] = {name for name, field in fields.items() if not field.read_only}
    return found


def test_no_body_has_a_field_for_what_it_must_never_set():
    found = writable()
    assert len(found) > 20
    assert "name" in set.union(*found.values())
    for route, names in found.items():
        noun = route.removeprefix("api/v1/").split("/")[0]
        assert not names & (NEVER | OPERATORS_ALONE.get(noun, set())), route


def test_whoever_sends_them_all_the_same_is_refused_and_changes_nothing(cast: Cast):
    """By the key of an owner, who may do everything else."""
    prepare(cast)
    caller, globex = script(cast.acme.tenant, "owner"), cast.globex.tenant
    body = {
        "id": str(globex.pk),
        "tenant": str(globex.pk),
        "tenant_id": str(globex.pk),
        "created_by": cast.olga.pk,
        "is_superuser": True,
    }
    before, asked = everything(), 0
    for method, route, item in api_routes():
        if method == "patch" or (method == "post" and "<" not in route):
            reply = caller.send(method, filled(route, item, cast).removeprefix("api/v1/"), body)
            if reply.status_code == 404:  # none there to be changed
                continue
            asked += 1
            assert reply.status_code in (400, 405), (method, route, reply.status_code, reply.content)
            if "fields" in reply.json().get("error", {}):
                assert {"tenant", "tenant_id"} <= set(reply.json()["error"]["fields"]), route
    assert asked > 25
    assert everything() == before


@pytest.mark.parametrize("role", ["viewer", "developer", "admin"])
def test_no_key_gives_more_rights_than_it_has(cast: Cast, role: str):
    prepare(cast)
    caller, before = script(cast.acme.tenant, role), everything()
    vera = cast.vera.memberships.get()
    for method, path, body in (
        ("patch", f"members/{vera.pk}", {"role": "owner"}),
        ("post", "invitations", {"email": "mallory@example.com", "role": "owner"}),
        ("post", "management-keys", {"name": "x", "role": "owner"}),
        ("patch", "tenant", {"is_active": True, "log_days": 1}),
        ("patch", "single-sign-on", {"approved_domains": ["example.com"]}),
    ):
        assert caller.send(method, path, body).status_code in (400, 401, 403, 404), (role, path)
    assert everything() == before
