"""API keys: making, rotating, revoking and recognising them.

A key is `tg-` and 43 random URL-safe characters (256 bits). Only its SHA-256 is stored: a fast hash is right for a secret that
cannot be guessed, and the look-up by hash takes the same time whatever was sent.

A key may have several secrets, of which one lasts. Rotating makes a new one and lets the former be accepted for a while, so that
applications can be given the new one without a moment in which neither is good. Usage, limits and budgets are the key's, whichever is sent.
"""

import datetime as dt
import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from tenants.models import ApiKey, ApiKeySecret, Tenant

PREFIX = "tg-"
SHOWN_CHARACTERS = 10
DEFAULT_OVERLAP = dt.timedelta(hours=24)
LONGEST_OVERLAP = dt.timedelta(days=30)
MOST_SECRETS = 5  # of one key, accepted at once: each is another that may leak


@dataclass(frozen=True)
class RevealedKey:
    """A key with a secret just made, which cannot be shown again."""

    api_key: ApiKey
    secret: str


def digest(secret: str) -> str:
    """What is stored of a secret: the hexadecimal SHA-256 of its UTF-8 text."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def new_secret() -> str:
    """A fresh secret of 256 random bits."""
    return PREFIX + secrets.token_urlsafe(32)


def create(
    tenant: Tenant,
    *,
    name: str,
    scopes: Sequence[str] = tuple(ApiKey.Scope.values),
    created_by: Any = None,
    expires_at: dt.datetime | None = None,
    **limits: Any,
) -> RevealedKey:
    """Make and save a key. The secret is in the result and nowhere else afterwards. Raises `ValidationError` on bad fields."""
    api_key = ApiKey(tenant=tenant, name=name, scopes=list(scopes), expires_at=expires_at, **limits)
    return add(api_key, created_by=created_by)


def add(api_key: ApiKey, *, created_by: Any = None, secret: str | None = None) -> RevealedKey:
    """Save a new key with its first secret: both or neither. Raises `ValidationError` on bad fields."""
    secret = secret or new_secret()
    api_key.prefix = secret[:SHOWN_CHARACTERS]
    api_key.created_by = created_by
    api_key.full_clean()
    with transaction.atomic():
        api_key.save()
        _keep(api_key, secret, created_by)
    return RevealedKey(api_key=api_key, secret=secret)


def change(api_key: ApiKey) -> None:
    """Save an edited key: its name, rights and limits. Its secrets stay. Raises `ValidationError` on bad fields."""
    api_key.full_clean()
    api_key.save()


def rotate(
    api_key: ApiKey,
    *,
    overlap: dt.timedelta = DEFAULT_OVERLAP,
    rotated_by: Any = None,
    seen: str = "",
    now: dt.datetime | None = None,
) -> RevealedKey:
    """Give the key another secret. The one that lasted until now is accepted for `overlap` more; with none, it is refused from now on.

    Atomic: of two rotations at once, the second ends what the first has made; unless it says by `seen` (a prefix) which secret it is to
    replace, and that one has been replaced already. Raises `ValidationError` then, for a key that is revoked or expired, for an overlap
    out of bounds, and where too many secrets are accepted already.
    """
    now = now or timezone.now()
    if not dt.timedelta(0) <= overlap <= LONGEST_OVERLAP:
        raise ValidationError(_("The former secret can stay valid for at most 30 days."), code="overlap")
    with transaction.atomic():
        key = ApiKey.objects.select_for_update().get(pk=api_key.pk)
        if not key.is_usable:
            raise ValidationError(_("This key is revoked or expired. Make a new one."), code="unusable")
        if seen and key.prefix != seen:
            raise ValidationError(_("This key was rotated a moment ago. Its page shows its secrets."), code="rotated")
        accepted = [item for item in key.secrets.all() if item.is_accepted(now)]
        if overlap and len(accepted) >= MOST_SECRETS:
            text = _("%(count)d secrets of this key are valid at the moment. End one of them first.")
            raise ValidationError(text % {"count": len(accepted)}, code="too_many")
        for item in accepted:
            if item.ends_at is None:
                item.ends_at = now + overlap
                item.save(update_fields=["ends_at"])
        secret = new_secret()
        key.prefix = secret[:SHOWN_CHARACTERS]
        key.save(update_fields=["prefix", "changed_at"])
        _keep(key, secret, rotated_by)
    api_key.prefix = key.prefix
    return RevealedKey(api_key=key, secret=secret)


def end_secret(secret: ApiKeySecret, *, now: dt.datetime | None = None) -> None:
    """Refuse a former secret from the next request on. One that has ended keeps its time.

    Raises `ValidationError` for the secret that lasts: its key is rotated or revoked instead.
    """
    now = now or timezone.now()
    if secret.ends_at is None:
        raise ValidationError(_("This is the key's present secret. Rotate or revoke the key instead."), code="lasting")
    if secret.is_accepted(now):
        secret.ends_at = now
        secret.save(update_fields=["ends_at"])


def revoke(api_key: ApiKey) -> None:
    """Refuse the key, whichever secret is sent, from the next request on. Revoking twice keeps the first time."""
    if api_key.revoked_at is None:
        api_key.revoked_at = timezone.now()
        api_key.save(update_fields=["revoked_at"])


def _keep(api_key: ApiKey, secret: str, created_by: Any) -> None:
    ApiKeySecret.objects.create(
        tenant_id=api_key.tenant_id,
        api_key=api_key,
        prefix=secret[:SHOWN_CHARACTERS],
        secret_sha256=digest(secret),
        created_by=created_by,
    )
