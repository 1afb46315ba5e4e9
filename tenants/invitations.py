"""Invitations: who may join a tenant, and how they prove that they are meant.

A token of 256 random bits goes to the address that is invited, and nowhere else: not to whoever invites, for accepting proves that one
reads that address's mail. It is good once, until it expires or is revoked; sending it again makes a new one and the former is void.

Writing happens in the caller's tenancy. `open_for` and `accept` are for people who are not members yet, and cross tenants for that.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from tenants import invitation_mail, tenancy
from tenants.models import Invitation, Membership, Tenant
from tenants.roles import Role

VALID_DAYS = 7
MOST_OPEN = 100  # of one tenant
LEAST_SECONDS = 60  # between two mails of one invitation


def invite(tenant: Tenant, *, email: str, role: Role, invited_by: Any, base_url: str) -> Invitation:
    """Make an invitation and send it. Raises `ValidationError` by field, and what the mail server raises; then nothing was made."""
    email = email.strip().lower()
    if Membership.objects.filter(tenant=tenant, user__email__iexact=email).exists():
        raise ValidationError({"email": _("This person is a member already.")})
    open_ones = Invitation.objects.filter(tenant=tenant, accepted_at=None, revoked_at=None)
    if open_ones.count() >= MOST_OPEN:
        raise ValidationError(_("There are %(count)d open invitations. Revoke some first.") % {"count": MOST_OPEN})
    for former in open_ones.filter(email=email, expires_at__lte=timezone.now()):
        revoke(former)  # makes place for a new one
    invitation = Invitation(tenant=tenant, email=email, role=role, invited_by=invited_by)
    token = _renew(invitation)
    invitation.full_clean()
    with transaction.atomic():
        invitation.save()
        invitation_mail.send(invitation, token=token, base_url=base_url)
    return invitation


def send_again(invitation: Invitation, *, base_url: str) -> None:
    """With a new token and a new term. Raises `ValidationError` right after the last time, and what the mail server raises; then the
    former token is still good.
    """
    if timezone.now() - invitation.sent_at < dt.timedelta(seconds=LEAST_SECONDS):
        raise ValidationError(_("It was sent a moment ago. Please wait a minute."))
    with transaction.atomic():
        token = _renew(invitation)
        invitation.save(update_fields=["token_sha256", "sent_at", "expires_at"])
        invitation_mail.send(invitation, token=token, base_url=base_url)


def revoke(invitation: Invitation) -> None:
    """Its token opens nothing any more. Revoking twice, or what was accepted, changes nothing."""
    if invitation.accepted_at is None and invitation.revoked_at is None:
        invitation.revoked_at = timezone.now()
        invitation.save(update_fields=["revoked_at"])


def open_for(token: str) -> Invitation | None:
    """The invitation that the token opens, with its tenant; None if it opens none, or none any more."""
    rows = Invitation.objects.across("whoever is invited belongs to no tenant yet")
    found = rows.filter(token_sha256=digest(token)).select_related("tenant__sso", "invited_by").first()
    return found if found is not None and found.is_open and found.tenant.is_active else None


def accept(invitation: Invitation, user: Any) -> Membership | None:
    """Make the person a member. None if the invitation was used or revoked in the meantime; a member stays in the role they have.

    To be called only once it is sure that the person reads the invited address's mail.
    """
    with tenancy.across("whoever is invited belongs to no tenant yet"), transaction.atomic():
        row = Invitation.objects.select_for_update().get(pk=invitation.pk)
        if not row.is_open:
            return None
        row.accepted_at = timezone.now()
        row.save(update_fields=["accepted_at"])
        membership, _is_new = Membership.objects.get_or_create(
            tenant_id=row.tenant_id, user=user, defaults={"role": row.role}
        )
        return membership


def digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def _renew(invitation: Invitation) -> str:
    token = secrets.token_urlsafe(32)
    now = timezone.now()
    invitation.token_sha256 = digest(token)
    invitation.sent_at, invitation.expires_at = now, now + dt.timedelta(days=VALID_DAYS)
    return token
