"""Management keys: making, revoking and recognising them.

A key is `tgm-` and 43 random URL-safe characters (256 bits). Only its SHA-256 is stored, in a table that the gateway never reads, so that
it calls no model whatever happens. What it may do is what its role may (`tenants.roles`), or less. It goes on working when whoever made
it leaves, as an application's key does: it is the tenant's, whose admins see it and can revoke it.
"""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext as _

from tenants import api_keys, roles
from tenants.models import ManagementKey, Tenant
from tenants.roles import Role

PREFIX = "tgm-"
SHOWN_CHARACTERS = 10
MOST_SECRET_CHARACTERS = 200
# What the management API serves, in the words of `tenants.roles.RIGHTS`. Keys like itself it does not: no key makes another.
SUBJECTS = (
    "keys", "providers", "models", "tasks", "rules", "budgets", "channels", "caches", "end_users", "members", "alerts", "requests",
    "statements", "audit", "content", "dashboards", "feedback", "labels", "quality_models", "cache_checks", "subscription", "tenant",
    "sso", "judges", "judgements",
)  # fmt: skip
NOTED_EVERY = dt.timedelta(minutes=1)  # when a key was last used


@dataclass(frozen=True)
class Revealed:
    """A key just made, whose secret cannot be shown again."""

    key: ManagementKey
    secret: str


def create(
    tenant: Tenant,
    *,
    name: str,
    role: Role,
    subjects: Sequence[str] = (),
    expires_at: dt.datetime | None = None,
    by: Any,
    by_role: Role,
) -> Revealed:
    """Make a key in a role that is not above its maker's. Raises `ValidationError` by field; then nothing was made."""
    if role not in roles.up_to(by_role):
        raise ValidationError({"role": _("A key may not do more than whoever makes it.")})
    if expires_at is not None and expires_at <= timezone.now():
        raise ValidationError({"expires_at": _("This is over already.")})
    unknown = [subject for subject in subjects if subject not in SUBJECTS]
    if unknown:
        raise ValidationError({"subjects": _("There is no such subject: %(name)s.") % {"name": unknown[0]}})
    secret = PREFIX + secrets.token_urlsafe(32)
    key = ManagementKey(
        tenant=tenant,
        name=name.strip(),
        role=role,
        subjects=list(dict.fromkeys(subjects)),
        expires_at=expires_at,
        prefix=secret[:SHOWN_CHARACTERS],
        secret_sha256=api_keys.digest(secret),
        created_by=by,
    )
    key.full_clean()
    key.save()
    return Revealed(key, secret)


def revoke(key: ManagementKey) -> None:
    """Refuse it from the next request on. Revoking twice keeps the first time."""
    if key.revoked_at is None:
        key.revoked_at = timezone.now()
        key.save(update_fields=["revoked_at"])


def recognise(secret: str) -> ManagementKey | None:
    """The usable key of an active tenant that has this secret, with its tenant and maker; None if there is none."""
    if not secret.startswith(PREFIX) or len(secret) > MOST_SECRET_CHARACTERS:
        return None
    rows = ManagementKey.objects.across("whose a key is, is asked before its tenant is entered")
    key = rows.filter(secret_sha256=api_keys.digest(secret)).select_related("tenant", "created_by").first()
    return key if key is not None and key.is_usable and key.tenant.is_active else None


def note_use(key: ManagementKey, now: dt.datetime) -> None:
    """When it was used, to the minute. No edit: the audit trail does not hear of it."""
    if key.last_used_at is None or now - key.last_used_at >= NOTED_EVERY:
        rows = ManagementKey.objects.across("before its tenant is entered")
        rows.filter(pk=key.pk).update(last_used_at=now)
