"""Single sign-on: a tenant's identity provider as django-allauth takes it, and whom it may say that somebody is.

Whoever runs an identity provider can say anything. So a connection is believed only about addresses in domains that an operator has
approved for it: it may sign in to the account with such an address, or make one. About anything else it is believed only if the person has
connected it to their account themselves. It never signs in an operator.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from uuid import UUID

import requests
from allauth.account.models import EmailAddress
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialLogin
from allauth.socialaccount.providers.base import AuthProcess
from django.http import HttpRequest
from django.shortcuts import render
from django.utils.translation import gettext as _

from tenants import invitations, outbound_requests, tenancy, visits
from tenants.models import Invitation, Membership, SsoConnection

PROVIDER = "openid_connect"
_PROVIDER_ID = re.compile(r"sso-([0-9a-f]{32})\Z")
WHY = "whoever signs in has entered no tenant yet"


def by_provider_id(provider_id: str) -> SsoConnection | None:
    """The active connection that django-allauth knows by this name."""
    found = _PROVIDER_ID.match(provider_id)
    if found is None:
        return None
    rows = SsoConnection.objects.across(WHY).filter(is_active=True, tenant__is_active=True)
    return rows.select_related("tenant").filter(pk=UUID(found[1])).first()


def for_address(email: str) -> SsoConnection | None:
    """The connection that vouches for the address."""
    domain = email.rpartition("@")[2].lower()
    rows = SsoConnection.objects.across(WHY).filter(is_active=True, tenant__is_active=True)
    rows = rows.filter(domains__contains=[domain], approved_domains__contains=[domain])
    return rows.select_related("tenant").order_by("created_at").first()


def app_of(connection: SsoConnection) -> SocialApp:
    """Made for the request, and stored nowhere."""
    return SocialApp(
        provider=PROVIDER,
        provider_id=connection.provider_id,
        name=connection.name,
        client_id=connection.client_id,
        secret=connection.client_secret,
        settings={"server_url": connection.issuer.rstrip("/"), "oauth_pkce_enabled": True, "fetch_userinfo": True},
    )


class SocialAdapter(DefaultSocialAccountAdapter):
    def list_apps(self, request: HttpRequest, provider: Any = None, client_id: Any = None) -> list[SocialApp]:
        """The one that is asked for by its name; never all, which would tell who the tenants are."""
        connection = by_provider_id(str(provider)) if provider else None
        return [app_of(connection)] if connection is not None else []

    def get_requests_session(self) -> requests.Session:
        return outbound_requests.session()

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        """Believe the provider as far as its domains go, and find the account that it means."""
        connection = _connection_of(sociallogin)
        sociallogin.email_addresses = [
            EmailAddress(email=address.email.lower(), verified=True, primary=True)
            for address in sociallogin.email_addresses
            if connection.vouches_for(address.email) and not _is_doubted(sociallogin)
        ]
        if not sociallogin.is_existing:
            sociallogin.user.email = sociallogin.email_addresses[0].email if sociallogin.email_addresses else ""
            if sociallogin.state.get("process") != AuthProcess.CONNECT:
                self._find_account(request, sociallogin)
        if sociallogin.is_existing and visits.is_operator(sociallogin.user):
            raise ImmediateHttpResponse(render(request, "socialaccount/refused.html", status=403))

    def _find_account(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        """The account whose confirmed address the provider vouches for, from now on signed in to by it."""
        for address in sociallogin.email_addresses:
            known = (
                EmailAddress.objects.filter(email__iexact=address.email, verified=True).select_related("user").first()
            )
            if known is not None and known.user.is_active and not visits.is_operator(known.user):
                sociallogin.connect(request, known.user)
                return

    def is_open_for_signup(self, request: HttpRequest, sociallogin: SocialLogin) -> bool:
        """For addresses it vouches for, if those who come join by themselves or were invited."""
        connection = _connection_of(sociallogin)
        emails = [address.email for address in sociallogin.email_addresses]
        return any(connection.joins_as or _invitation(connection, email) is not None for email in emails)

    def is_auto_signup_allowed(self, request: HttpRequest, sociallogin: SocialLogin) -> bool:
        return True  # there is nothing to fill in

    def is_email_verified(self, provider: Any, email: str) -> bool:
        connection = by_provider_id(provider.app.provider_id)
        return connection is not None and connection.vouches_for(email)

    def can_authenticate_by_email(self, login: SocialLogin, email: str) -> bool:
        return False  # see `_find_account`


def join(request: HttpRequest, sociallogin: SocialLogin, user: Any) -> None:
    """After signing in: make the person a member where the connection, or an invitation, says so. Idempotent."""
    connection = _connection_of(sociallogin)
    emails = {
        address.lower()
        for address in EmailAddress.objects.filter(user=user, verified=True).values_list("email", flat=True)
    }
    vouched = [email for email in emails if connection.vouches_for(email)]
    if not vouched:
        return
    for email in vouched:
        invited = _invitation(connection, email)
        if invited is not None:
            invitations.accept(invited, user)
    if connection.joins_as:
        with tenancy.across(WHY):
            Membership.objects.get_or_create(
                tenant_id=connection.tenant_id, user=user, defaults={"role": connection.joins_as}
            )


@dataclass(frozen=True)
class Checked:
    """What is wrong with a connection, in words for the tenant's owner; empty if its provider answers as it should."""

    problems: tuple[str, ...]


def check(connection: SsoConnection) -> Checked:
    """Ask the provider how it is to be used, as signing in will. Takes at most some ten seconds."""
    url = f"{connection.issuer.rstrip('/')}/.well-known/openid-configuration"
    try:
        with outbound_requests.session() as http:
            answer = http.get(url)
        told = answer.json() if answer.status_code == HTTPStatus.OK else None
    except ValueError:
        told = None
    except requests.RequestException:
        return Checked((_("The issuer cannot be reached from here, or is not on the public internet."),))
    if not isinstance(told, dict):
        return Checked((_("There is no OpenID configuration at %(url)s.") % {"url": url},))
    problems = []
    if str(told.get("issuer", "")).rstrip("/") != connection.issuer.rstrip("/"):
        problems.append(
            _("It calls itself %(issuer)s; the issuer must be given exactly so.") % {"issuer": told.get("issuer")}
        )
    missing = [name for name in ("authorization_endpoint", "token_endpoint", "jwks_uri") if not told.get(name)]
    if missing:
        problems.append(_("Its configuration lacks %(names)s.") % {"names": ", ".join(missing)})
    return Checked(tuple(problems))


def is_through(request: HttpRequest, connection: SsoConnection) -> bool:
    """Whether the session was begun through this connection."""
    records = request.session.get("account_authentication_methods") or []
    return any(record.get("provider") == connection.provider_id for record in records)


def _is_doubted(sociallogin: SocialLogin) -> bool:
    """Whether the provider itself says that the address is not confirmed. Some say nothing, and mean that theirs are."""
    told: dict[str, Any] = sociallogin.account.extra_data or {}
    claims = told.get("userinfo") or told.get("id_token") or told
    return str(claims.get("email_verified", True)).lower() == "false"


def _invitation(connection: SsoConnection, email: str) -> Invitation | None:
    rows = Invitation.objects.across(WHY).filter(tenant_id=connection.tenant_id, email=email.lower())
    return next((row for row in rows.filter(accepted_at=None, revoked_at=None) if row.is_open), None)


def _connection_of(sociallogin: SocialLogin) -> SsoConnection:
    account: SocialAccount = sociallogin.account
    connection = by_provider_id(account.provider)
    if connection is None:
        raise SocialApp.DoesNotExist
    return connection
