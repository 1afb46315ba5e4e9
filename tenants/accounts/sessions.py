"""/account/sessions/: where one is signed in, and ending any of it."""

from __future__ import annotations

from typing import Any

from allauth.usersessions.adapter import get_adapter
from allauth.usersessions.models import UserSession
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from tenants.accounts import events, user_agents


@never_cache
@login_required
@require_http_methods(["GET", "POST"])
def sessions(request: HttpRequest) -> HttpResponse:
    """POST ends the session named in it, or all but this one. Ended sessions are signed out with their next request."""
    user: Any = request.user
    held = list(UserSession.objects.purge_and_list(user))
    if request.method == "POST":
        named = request.POST.get("session", "")
        ended = [item for item in held if not item.is_current() and named in ("others", str(item.pk))]
        get_adapter().end_sessions(ended)
        if ended:
            events.record(
                "sessions_ended", user, request, ", ".join(user_agents.told(item.user_agent) for item in ended)
            )
            messages.success(request, _("Signed out there."))
        return HttpResponseRedirect(reverse("usersessions_list"))
    shown = [
        {
            "pk": item.pk,
            "browser": user_agents.told(item.user_agent),
            "ip": item.ip,
            "since": item.created_at,
            "is_here": item.is_current(),
        }
        for item in sorted(held, key=lambda item: (not item.is_current(), -item.created_at.timestamp()))
    ]
    return render(request, "usersessions/usersession_list.html", {"sessions": shown})
