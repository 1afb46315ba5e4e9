"""The frame of the pages at /account/: what `console.frame` is to those that render it themselves."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from tenants import sites

PLACES = ("/account/", "/invitation/")
TABS = (
    ("mfa_index", _("Sign-in and security"), "/account/2fa/"),
    ("account_change_password", _("Password"), "/account/password/"),
    ("account_email", _("E-mail"), "/account/email/"),
    ("usersessions_list", _("Sessions"), "/account/sessions/"),
    ("socialaccount_connections", _("Single sign-on"), "/account/3rdparty/"),
)


def frame(request: HttpRequest) -> dict[str, Any]:
    """A context processor; for all other pages it adds nothing and costs nothing."""
    if not request.path_info.startswith(PLACES):
        return {}
    tabs = [
        {"url": reverse(name), "label": label, "is_here": request.path_info.startswith(place)}
        for name, label, place in TABS
    ]
    return {**sites.frame(request), "account_tabs": tabs}
