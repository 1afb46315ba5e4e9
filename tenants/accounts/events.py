"""What happens to accounts, for the audit trail: signing in and failing to, second factors, passwords, addresses, sessions.

django-allauth tells by its signals. An event concerns a person and no tenant, so it is entered once for the operators, and once for each
tenant that the person belongs to, whose owners and admins see what happens to their members' accounts. A failed sign-in at an address that
nobody has is no event: the throttles count it.
"""

from __future__ import annotations

from typing import Any

from allauth.account import signals as account
from allauth.account.models import EmailAddress
from allauth.mfa import signals as mfa
from allauth.socialaccount import signals as social
from auditlog.models import LogEntry
from django.contrib.auth.models import User
from django.contrib.auth.signals import user_logged_out, user_login_failed
from django.contrib.contenttypes.models import ContentType
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from tenants.models import Membership

LABELS: dict[str, Any] = {
    "signed_in": _("Signed in"),
    "signed_out": _("Signed out"),
    "sign_in_failed": _("Failed to sign in"),
    "code_failed": _("Gave a wrong second factor"),
    "password_changed": _("Changed the password"),
    "password_reset": _("Reset the password by mail"),
    "email_added": _("Added an address"),
    "email_removed": _("Removed an address"),
    "email_confirmed": _("Confirmed an address"),
    "factor_added": _("Added a second factor"),
    "factor_removed": _("Removed a second factor"),
    "codes_renewed": _("Made new recovery codes"),
    "sso_connected": _("Connected single sign-on"),
    "sso_removed": _("Removed single sign-on"),
    "sessions_ended": _("Ended other sessions"),
}
FAILURES = frozenset({"sign_in_failed", "code_failed"})


def record(event: str, user: Any, request: HttpRequest | None, detail: str = "", *, by: Any = None) -> None:
    """Enter it for the operators and for each of the person's tenants. `detail` is shown as it is: no secrets. `by` is who did it, if not
    the person; nobody, where it failed.
    """
    actor = None if event in FAILURES else by or user
    place = request.META.get("REMOTE_ADDR") or None if request is not None else None
    kind = ContentType.objects.get_for_model(User)
    about = {"event": event, **({"detail": detail} if detail else {})}
    tenants = Membership.objects.across("what happens to an account concerns all of its tenants").filter(user=user)
    copies = [{**about, "tenant_id": str(pk), "is_copy": True} for pk in tenants.values_list("tenant_id", flat=True)]
    for data in (about, *copies):
        LogEntry.objects.create(
            content_type=kind,
            object_pk=str(user.pk),
            object_id=user.pk,
            object_repr=user.get_full_name() or user.email or user.get_username(),
            action=LogEntry.Action.ACCESS,
            changes={},
            actor=actor,
            actor_email=actor.email if actor is not None else None,
            remote_addr=place,
            additional_data=data,
        )


def connect() -> None:
    """Listen to django-allauth and Django. Idempotent."""
    for signal, receiver in RECEIVERS:
        signal.connect(receiver, dispatch_uid=f"tollgate-{receiver.__name__}")


def _signed_in(request: HttpRequest, user: Any, **more: Any) -> None:
    records = request.session.get("account_authentication_methods") or []
    methods = [str(item.get("type") or item.get("method")) for item in records]
    record("signed_in", user, request, ", ".join(dict.fromkeys(methods)))


def _signed_out(request: HttpRequest, user: Any, **more: Any) -> None:
    if user is not None:
        record("signed_out", user, request)


def _sign_in_failed(credentials: dict[str, Any], request: HttpRequest | None = None, **more: Any) -> None:
    email = str(credentials.get("email") or credentials.get("username") or "")
    known = EmailAddress.objects.filter(email__iexact=email).select_related("user").first()
    user = known.user if known is not None else User.objects.filter(email__iexact=email).first() if email else None
    if user is not None:
        record("sign_in_failed", user, request)


def _code_failed(request: HttpRequest, user: Any, **more: Any) -> None:
    record("code_failed", user, request)


def _password_changed(request: HttpRequest, user: Any, **more: Any) -> None:
    record("password_changed", user, request)


def _password_reset(request: HttpRequest, user: Any, **more: Any) -> None:
    record("password_reset", user, request)


def _email_added(request: HttpRequest, user: Any, email_address: Any, **more: Any) -> None:
    record("email_added", user, request, email_address.email)


def _email_removed(request: HttpRequest, user: Any, email_address: Any, **more: Any) -> None:
    record("email_removed", user, request, email_address.email)


def _email_confirmed(request: HttpRequest, email_address: Any, **more: Any) -> None:
    record("email_confirmed", email_address.user, request, email_address.email)


def _factor_added(request: HttpRequest, user: Any, authenticator: Any, **more: Any) -> None:
    record("factor_added", user, request, str(authenticator.get_type_display()))


def _factor_removed(request: HttpRequest, user: Any, authenticator: Any, **more: Any) -> None:
    record("factor_removed", user, request, str(authenticator.get_type_display()))


def _codes_renewed(request: HttpRequest, user: Any, **more: Any) -> None:
    record("codes_renewed", user, request)


def _sso_connected(request: HttpRequest, sociallogin: Any, **more: Any) -> None:
    record("sso_connected", sociallogin.user, request)


RECEIVERS: tuple[tuple[Any, Any], ...] = (
    (account.user_logged_in, _signed_in),
    (user_logged_out, _signed_out),
    (user_login_failed, _sign_in_failed),
    (mfa.authentication_failed, _code_failed),
    (account.password_changed, _password_changed),
    (account.password_reset, _password_reset),
    (account.email_added, _email_added),
    (account.email_removed, _email_removed),
    (account.email_confirmed, _email_confirmed),
    (mfa.authenticator_added, _factor_added),
    (mfa.authenticator_removed, _factor_removed),
    (mfa.authenticator_reset, _codes_renewed),
    (social.social_account_added, _sso_connected),
)
