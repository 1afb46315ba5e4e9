"""What django-allauth asks the project: who may have an account, where a request comes from, and how secrets are kept."""

from __future__ import annotations

import logging
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.models import EmailAddress
from allauth.mfa.adapter import DefaultMFAAdapter
from django.http import HttpRequest, HttpResponse

from tenants import encryption, visits
from tenants.accounts import single_sign_on

logger = logging.getLogger(__name__)


class AccountAdapter(DefaultAccountAdapter):
    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Never: one is invited (`tenants.accounts.joining`), or comes through a tenant's identity provider."""
        return False

    def populate_username(self, request: HttpRequest, user: Any) -> None:
        """The address, as long as it fits and is free. People never see the user name."""
        user.username = user.email[:150] if not user.username else user.username
        if type(user).objects.filter(username=user.username).exclude(pk=user.pk).exists():
            user.username = self.generate_unique_username([user.email, "user"])

    def get_client_ip(self, request: HttpRequest) -> str:
        """The connection's: headers that any client can write are not evidence. Behind a proxy the server puts the client's there."""
        return request.META.get("REMOTE_ADDR") or "0.0.0.0"  # noqa: S104  # an address like any other, for counting

    def send_notification_mail(self, *args: Any, **kwargs: Any) -> None:
        """That something has changed: it has, whether or not the mail server takes the news."""
        try:
            super().send_notification_mail(*args, **kwargs)
        except OSError as error:  # smtplib's are, too
            logger.warning("could not send a notification: %s", error)

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: Any) -> str:
        """By account alone, whatever name Tollgate is called by in the request."""
        return str(credentials.get("email", credentials.get("username", ""))).lower()

    def pre_login(self, request: HttpRequest, user: Any, **kwargs: Any) -> HttpResponse | None:
        """Who makes an operator at the command line vouches for the address: there may be no mail server yet."""
        if visits.is_operator(user) and user.email and not EmailAddress.objects.filter(user=user).exists():
            EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
        response: HttpResponse | None = super().pre_login(request, user, **kwargs)
        return response

    def post_login(self, request: HttpRequest, user: Any, **kwargs: Any) -> HttpResponse:
        sociallogin = (kwargs.get("signal_kwargs") or {}).get("sociallogin")
        if sociallogin is not None:
            single_sign_on.join(request, sociallogin, user)
        response: HttpResponse = super().post_login(request, user, **kwargs)
        return response


class MfaAdapter(DefaultMFAAdapter):
    """Keeps the secrets of authenticator apps and of recovery codes encrypted, as all others are."""

    def encrypt(self, text: str) -> str:
        return encryption.encrypt(text)

    def decrypt(self, encrypted_text: str) -> str:
        return encryption.decrypt(encrypted_text)
