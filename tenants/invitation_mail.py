"""The mail that an invitation goes in: in the tenant's time zone, from Tollgate, and naming who invites."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.mail import EmailMessage
from django.template.loader import render_to_string
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from tenants.console import addresses
from tenants.models import Invitation


def send(invitation: Invitation, *, token: str, base_url: str) -> None:
    """Hand it over at once; raises what the mail server raises. `base_url` is how the inviter reaches Tollgate."""
    tenant = invitation.tenant
    inviter = invitation.invited_by
    context = {
        "tenant": tenant,
        "inviter": (inviter.get_full_name() or inviter.email or inviter.get_username()) if inviter else "",
        "role": invitation.get_role_display(),
        "url": base_url.rstrip("/") + addresses.outside("invitation", token),
        "expires_at": invitation.expires_at,
    }
    with translation.override(settings.LANGUAGE_CODE), timezone.override(ZoneInfo(tenant.timezone)):
        subject = _("Join %(tenant)s on Tollgate") % {"tenant": " ".join(tenant.name.split())}
        text = render_to_string("tenants/invitation_mail.txt", context)
    EmailMessage(subject, text, to=[invitation.email]).send()
