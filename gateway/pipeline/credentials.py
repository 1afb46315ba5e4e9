"""Whose request is it? A secret's hash, looked up in the tenant's snapshot; no SQL but for the first request of a tenant.

The playground's page has no secret but tokens, which say themselves whose they are (`tenants.playground`).
"""

from __future__ import annotations

import time
from typing import NamedTuple

from gateway.errors import GatewayError, PermissionDenied, Unauthenticated
from gateway.stores.snapshots import Snapshots
from gateway.types import Snapshot
from tenants import api_keys, management_keys, playground

MAX_SECRET_CHARACTERS = 200


async def recognise(secret: str, scope: str, snapshots: Snapshots, *, address: str = "") -> tuple[Snapshot, str]:
    """The tenant's snapshot and the secret's hash, under which the key stands in it. `address`: where the request came from.

    Raises `Unauthenticated`, `PermissionDenied`, `StoreUnavailable`; `RateLimited` where too many unknown keys came from there.
    """
    if not secret:
        raise Unauthenticated(
            "Send your Tollgate key as `Authorization: Bearer tg-…` or `x-api-key: tg-…`.", code="missing_api_key"
        )
    if len(secret) > MAX_SECRET_CHARACTERS or not secret.startswith(api_keys.PREFIX):
        if secret.startswith(management_keys.PREFIX):
            raise Unauthenticated("This is a management key: it manages, and calls no model. Send an application's.")
        raise Unauthenticated("This is not a Tollgate key; those begin with tg-.")
    digest = api_keys.digest(secret)
    snapshot = await snapshots.for_key(digest, address=address)
    if snapshot is None:
        raise Unauthenticated("This API key is not known here.")
    try:
        check(snapshot, digest, scope)
    except GatewayError:
        # The snapshot may just be old: the key may have been made, or its rights widened, a moment ago.
        if await snapshots.is_current(snapshot):
            raise
        snapshot = await renewed(snapshot, digest, scope, snapshots)
    return snapshot, digest


class Player(NamedTuple):
    """Somebody in the playground: whose, the hash under which its key stands in the snapshot, and who it is."""

    snapshot: Snapshot
    digest: str
    person: str


async def recognise_player(token: str, scope: str, snapshots: Snapshots) -> Player:
    """Whoever was given the token. It serves for what the playground does and nothing else, whatever its key may do.

    Raises as `recognise`.
    """
    found = playground.read(token) if len(token) <= MAX_SECRET_CHARACTERS else None
    if found is None:
        raise Unauthenticated("This is no playground token of ours.")
    if found.expires_at <= time.time():
        raise Unauthenticated(
            "This playground token has expired; the playground's page gets itself another one.",
            code="expired_playground_token",
        )
    if scope not in playground.SCOPES:
        raise PermissionDenied("The playground may not do this. Use an API key.", code="missing_scope")
    snapshot = await snapshots.of_tenant(found.tenant_id)
    if snapshot is None:
        raise Unauthenticated("This playground token's tenant no longer exists.")
    try:
        _check_playground(snapshot, scope)
    except GatewayError:
        if await snapshots.is_current(snapshot):
            raise
        fresh = await snapshots.renew(found.tenant_id)
        if fresh is None:
            raise
        _check_playground(fresh, scope)
        snapshot = fresh
    return Player(snapshot, snapshot.playground, found.person)


def _check_playground(snapshot: Snapshot, scope: str) -> None:
    if not snapshot.playground:
        raise PermissionDenied(
            "The playground is switched off: its key was revoked. An admin can switch it on again.",
            code="playground_off",
        )
    check(snapshot, snapshot.playground, scope)


async def renewed(snapshot: Snapshot, digest: str, scope: str, snapshots: Snapshots) -> Snapshot:
    """The snapshot of the version in force. Raises as `recognise` if the key is not good in it."""
    fresh = await snapshots.renew(snapshot.tenant_id)
    if fresh is None:
        raise Unauthenticated("This API key's tenant no longer exists.")
    check(fresh, digest, scope)
    return fresh


def check(snapshot: Snapshot, digest: str, scope: str) -> None:
    """Raises `Unauthenticated` if the key was revoked, has expired, or was rotated longer ago than this secret is still accepted, or its
    tenant is switched off; `PermissionDenied` if it lacks the scope (the empty scope is what every key may do)."""
    key = snapshot.keys.get(digest)
    if key is None:
        raise Unauthenticated("This API key has been revoked.")
    if key.expires_at is not None and key.expires_at <= time.time():
        raise Unauthenticated("This API key has expired.", code="expired_api_key")
    if key.ends_at is not None and key.ends_at <= time.time():
        raise Unauthenticated(
            f"This secret ({key.prefix}…) was replaced when its API key was rotated. Use the new one.",
            code="rotated_api_key",
        )
    if not snapshot.is_active:
        raise Unauthenticated("This API key's tenant is switched off.")
    if scope and scope not in key.scopes:
        raise PermissionDenied(f"This key lacks the scope “{scope}”.", code="missing_scope")
