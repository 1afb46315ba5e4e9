"""Whether somebody has a second factor, and where one is asked for.

Who has one is asked for it at every sign-in, by django-allauth. Having one is recommended to operators, and required of them, or of
everybody, where the installation says so (TOLLGATE_REQUIRE_MFA). Who came through a tenant's identity provider has been asked there.
"""

from __future__ import annotations

from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponseRedirect
from django.utils.translation import gettext as _

from tenants.console import addresses

OPERATORS, ALL = "operators", "all"


def is_missing(request: HttpRequest) -> bool:
    """Costs one query."""
    records = request.session.get("account_authentication_methods") or []
    came_by_sso = any(record.get("method") == "socialaccount" for record in records)
    return not came_by_sso and not is_mfa_enabled(request.user)


def is_required_of_operators() -> bool:
    return settings.REQUIRE_MFA in (OPERATORS, ALL)


def demanded(request: HttpRequest, *, of_operator: bool) -> HttpResponseRedirect | None:
    """The way to set one up, if one is required and missing."""
    is_required = is_required_of_operators() if of_operator else settings.REQUIRE_MFA == ALL
    if not is_required or not is_missing(request):
        return None
    messages.warning(
        request, _("This Tollgate requires a second factor. Set one up, and go on to where you were going.")
    )
    return HttpResponseRedirect(addresses.outside("mfa_index"))
