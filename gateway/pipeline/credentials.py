"""Whose request is it? A secret's hash, looked up in the tenant's snapshot; no SQL but for the first request of a tenant."""

from __future__ import annotations

import time

from gateway.errors import PermissionDenied, Unauthenticated
from gateway.stores.snapshots import Snapshots
from gateway.types import Key, Snapshot
from tenants import api_keys

MAX_SECRET_CHARACTERS = 200


async def recognise(secret: str, snapshots: Snapshots) -> tuple[Snapshot, str]:
    """The tenant's snapshot and the secret's hash, under which the key stands in it. Raises `Unauthenticated`, `StoreUnavailable`."""
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
    key_in_force(snapshot, digest)
    return snapshot, digest


def key_in_force(snapshot: Snapshot, digest: str) -> Key:
    """The key, if it may be used now. Raises `Unauthenticated`: it was revoked, has expired, or its tenant is switched off."""
    key = snapshot.keys.get(digest)
    if key is None:
        raise Unauthenticated("This API key has been revoked.")
    if key.expires_at is not None and key.expires_at <= time.time():
        raise Unauthenticated("This API key has expired.", code="expired_api_key")
    if not snapshot.is_active:
        raise Unauthenticated("This API key's tenant is switched off.")
    return key


def check_scope(key: Key, scope: str) -> None:
    """Raises `PermissionDenied` unless the key may do this."""
    if scope not in key.scopes:
        raise PermissionDenied(f"This key lacks the scope “{scope}”.", code="missing_scope")
