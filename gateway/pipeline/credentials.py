"""Whose request is it? A secret's hash, looked up in the tenant's snapshot; no SQL but for the first request of a tenant."""

from __future__ import annotations

import time

from gateway.errors import GatewayError, PermissionDenied, Unauthenticated
from gateway.stores.snapshots import Snapshots
from gateway.types import Snapshot
from tenants import api_keys

MAX_SECRET_CHARACTERS = 200


async def recognise(secret: str, scope: str, snapshots: Snapshots) -> tuple[Snapshot, str]:
    """The tenant's snapshot and the secret's hash, under which the key stands in it.

    Raises `Unauthenticated`, `PermissionDenied`, `StoreUnavailable`.
    """
    if not secret:
        raise Unauthenticated(
            "Send your Tollgate key as `Authorization: Bearer tg-…` or `x-api-key: tg-…`.", code="missing_api_key"
        )
    if len(secret) > MAX_SECRET_CHARACTERS or not secret.startswith(api_keys.PREFIX):
        raise Unauthenticated("This is not a Tollgate key; those begin with tg-.")
    digest = api_keys.digest(secret)
    snapshot = await snapshots.for_key(digest)
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
