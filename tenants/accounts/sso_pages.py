"""/account/sso/: the way to a tenant's identity provider, by one's address, or by name where a tenant asks for it."""

from __future__ import annotations

import logging
from typing import Any

import requests
from allauth.core import ratelimit
from allauth.socialaccount.models import SocialAccount
from allauth.socialaccount.providers.base import AuthProcess
from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from tenants.accounts import events, single_sign_on
from tenants.accounts.single_sign_on import SocialAdapter
from tenants.models import SsoConnection

logger = logging.getLogger(__name__)


class AddressForm(forms.Form):
    email = forms.EmailField(
        label=gettext_lazy("E-mail"), widget=forms.EmailInput(attrs={"autocomplete": "email", "autofocus": True})
    )


@never_cache
@require_http_methods(["GET", "POST"])
def by_address(request: HttpRequest) -> HttpResponseBase:
    form = AddressForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        limited: HttpResponseBase | None = ratelimit.consume_or_429(request, action="login")
        if limited is not None:
            return limited
        connection = single_sign_on.for_address(form.cleaned_data["email"])
        if connection is not None:
            return _go(request, connection)
        form.add_error(
            "email", _("There is no single sign-on for addresses of this domain. Sign in with your password.")
        )
    return render(request, "socialaccount/sso.html", {"form": form, "next": _next(request)})


@never_cache
@require_http_methods(["GET", "POST"])
def by_name(request: HttpRequest, provider_id: str) -> HttpResponseBase:
    """Where a tenant requires it, and in invitations to such a tenant. GET asks, for a link must not sign anybody in."""
    connection = single_sign_on.by_provider_id(provider_id)
    if connection is None:
        raise Http404
    if request.method == "POST":
        return _go(request, connection)
    return render(request, "socialaccount/sso_required.html", {"connection": connection, "next": _next(request)})


@never_cache
@login_required
@require_http_methods(["GET", "POST"])
def connections(request: HttpRequest) -> HttpResponse:
    """/account/3rdparty/: the providers that sign in to this account. POST takes one away."""
    user: Any = request.user
    held = SocialAccount.objects.filter(user=user).order_by("date_joined")
    if request.method == "POST":
        account = get_object_or_404(held, pk=request.POST.get("account") or 0)
        if held.count() == 1 and not user.has_usable_password():
            messages.error(request, _("Set a password first: there would be no other way to sign in."))
        else:
            events.record("sso_removed", user, request, _name(account))
            account.delete()
            messages.success(request, _("It does not sign in to your account any more."))
        return HttpResponseRedirect(reverse("socialaccount_connections"))
    names = {item.pk: _name(item) for item in held}
    shown = [{"pk": item.pk, "name": names[item.pk], "since": item.date_joined} for item in held]
    return render(request, "socialaccount/connections.html", {"accounts": shown})


def _go(request: HttpRequest, connection: SsoConnection) -> HttpResponseBase:
    provider = SocialAdapter(request).get_provider(request, connection.provider_id)
    try:
        response: HttpResponseBase = provider.redirect(request, AuthProcess.LOGIN, next_url=_next(request) or None)
    except (requests.RequestException, KeyError, ValueError) as error:
        logger.warning("identity provider %s: %s", connection.pk, error)
        context = {"name": connection.name}
        return render(request, "socialaccount/authentication_error.html", context, status=502)
    return response


def _next(request: HttpRequest) -> str:
    asked = request.POST.get("next") or request.GET.get("next") or ""
    is_ours = url_has_allowed_host_and_scheme(
        asked, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return asked if is_ours else ""


def _name(account: SocialAccount) -> str:
    connection = single_sign_on.by_provider_id(account.provider)
    return connection.name if connection is not None else str(_("A provider that is no more"))
