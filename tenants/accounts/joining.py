"""/invitation/<token>/: where somebody who is invited becomes a member, with the account they have or a new one.

Whoever has the token reads the invited address's mail, for it was sent nowhere else. With an existing account one signs in to it first; the
new one's address needs no further confirmation.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from allauth.account import app_settings as account_settings
from allauth.account.internal.flows.login import perform_password_login
from allauth.account.models import EmailAddress, Login
from allauth.core import ratelimit
from django import forms
from django.contrib import messages
from django.contrib.auth import logout, password_validation
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from tenants import invitations
from tenants.accounts.adapter import AccountAdapter
from tenants.console import addresses
from tenants.models import Invitation


class GoneInTheMeantime(Exception):
    """The invitation was used or revoked while it was being accepted."""


class NewAccountForm(forms.Form):
    """The address is the invitation's."""

    name = forms.CharField(
        label=gettext_lazy("Your name"), max_length=150, widget=forms.TextInput(attrs={"autocomplete": "name"})
    )
    password = forms.CharField(
        label=gettext_lazy("Password"),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=password_validation.password_validators_help_text_html,
    )

    def __init__(self, *args: Any, email: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.email = email

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if "password" in cleaned:
            try:
                password_validation.validate_password(cleaned["password"], self.user())
            except ValidationError as error:
                self.add_error("password", error)
        return cleaned

    def user(self) -> User:
        """As it is going to be made, without its password."""
        return User(email=self.email, first_name=self.cleaned_data.get("name", ""))


@never_cache
@sensitive_post_parameters("password")
@require_http_methods(["GET", "POST"])
def invitation(request: HttpRequest, token: str) -> HttpResponseBase:
    limited: HttpResponseBase | None = ratelimit.consume_or_429(request, action="signup")
    if limited is not None:
        return limited
    found = invitations.open_for(token)
    if found is None:
        return render(request, "tenants/invitation_closed.html", status=404)
    if request.user.is_authenticated:
        return _as_somebody(request, found)
    if _accounts(found.email):
        return render(request, "tenants/invitation_sign_in.html", {"invitation": found, "here": request.path})
    return _as_nobody(request, found)


def _as_somebody(request: HttpRequest, found: Invitation) -> HttpResponse:
    """Signed in: to the account that is meant, or to another one."""
    user: Any = request.user
    if found.email not in _addresses(user):
        if request.method == "POST":
            logout(request)
            return HttpResponseRedirect(request.path)
        return render(request, "tenants/invitation_other.html", {"invitation": found})
    if request.method == "GET":
        return render(request, "tenants/invitation_accept.html", {"invitation": found})
    if invitations.accept(found, user) is None:
        return render(request, "tenants/invitation_closed.html", status=404)
    _confirm_address(user, found.email)
    messages.success(request, _("Welcome to %(tenant)s.") % {"tenant": found.tenant})
    return HttpResponseRedirect(addresses.console(found.tenant.slug))


def _as_nobody(request: HttpRequest, found: Invitation) -> HttpResponseBase:
    """A new account, signed in at once; through the tenant's identity provider, where it wants that."""
    sso = getattr(found.tenant, "sso", None)
    if sso is not None and sso.is_active and sso.is_required and sso.vouches_for(found.email):
        query = urlencode({"next": addresses.console(found.tenant.slug)})
        sso_url = f"{addresses.outside('single_sign_on_by_name', sso.provider_id)}?{query}"
        return render(request, "tenants/invitation_sso.html", {"invitation": found, "sso": sso, "sso_url": sso_url})
    form = NewAccountForm(request.POST or None, email=found.email)
    if request.method == "POST" and form.is_valid():
        try:
            user = _make_account(request, form, found)
        except GoneInTheMeantime:
            return render(request, "tenants/invitation_closed.html", status=404)
        except IntegrityError:  # made at the same moment, in another window
            return HttpResponseRedirect(request.path)
        login = Login(
            user=user,
            email_verification=account_settings.EmailVerificationMethod.NONE,
            redirect_url=addresses.console(found.tenant.slug),
            signup=True,
        )
        response: HttpResponseBase = perform_password_login(request, {"email": found.email}, login)
        return response
    return render(request, "tenants/invitation_account.html", {"invitation": found, "form": form})


@transaction.atomic
def _make_account(request: HttpRequest, form: NewAccountForm, found: Invitation) -> User:
    user = form.user()
    AccountAdapter(request).populate_username(request, user)
    user.set_password(form.cleaned_data["password"])
    user.save()
    EmailAddress.objects.create(user=user, email=found.email, verified=True, primary=True)
    if invitations.accept(found, user) is None:
        raise GoneInTheMeantime
    return user


def _accounts(email: str) -> bool:
    return bool(
        User.objects.filter(email__iexact=email).exists() or EmailAddress.objects.filter(email__iexact=email).exists()
    )


def _addresses(user: Any) -> set[str]:
    """All of the person's, also such as are not confirmed yet: the token confirms this one."""
    known = {address.lower() for address in EmailAddress.objects.filter(user=user).values_list("email", flat=True)}
    return known | {user.email.lower()}


def _confirm_address(user: Any, email: str) -> None:
    address = EmailAddress.objects.filter(user=user, email__iexact=email).first() or EmailAddress(
        user=user, email=email
    )
    if not address.verified and address.set_verified(commit=False):
        address.save()
