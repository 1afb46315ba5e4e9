"""API keys: making, revoking and recognising them.

A key is `tg-` and 43 random URL-safe characters (256 bits). Only its SHA-256 is stored: a fast hash is right for a secret that
cannot be guessed, and the look-up by hash takes the same time whatever was sent.
"""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils import timezone

from tenants.models import ApiKey, Tenant

PREFIX = "tg-"
SHOWN_CHARACTERS = 10


@dataclass(frozen=True)
class RevealedKey:
    """A key just made, with the secret that cannot be shown again."""

    api_key: ApiKey
    secret: str


def digest(secret: str) -> str:
    """What is stored of a key: the hexadecimal SHA-256 of its UTF-8 text."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def new_secret() -> str:
    """A fresh key of 256 random bits."""
    return PREFIX + secrets.token_urlsafe(32)


def put_secret(api_key: ApiKey, secret: str) -> None:
    """Set on an unsaved `api_key` what is stored of `secret`."""
    api_key.prefix = secret[:SHOWN_CHARACTERS]
    api_key.secret_sha256 = digest(secret)


def create(
    tenant: Tenant,
    *,
    name: str,
    scopes: Sequence[str] = tuple(ApiKey.Scope.values),
    created_by: Any = None,
    expires_at: datetime | None = None,
    **limits: Any,
) -> RevealedKey:
    """Make and save a key. The secret is in the result and nowhere else afterwards. Raises `ValidationError` on bad fields."""
    secret = new_secret()
    api_key = ApiKey(
        tenant=tenant, name=name, scopes=list(scopes), created_by=created_by, expires_at=expires_at, **limits
    )
    put_secret(api_key, secret)
    api_key.full_clean()
    api_key.save()
    return RevealedKey(api_key=api_key, secret=secret)


def revoke(api_key: ApiKey) -> None:
    """Refuse the key from the next request on. Revoking twice keeps the first time."""
    if api_key.revoked_at is None:
        api_key.revoked_at = timezone.now()
        api_key.save(update_fields=["revoked_at"])
