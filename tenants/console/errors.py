"""Pages for what went wrong. They say what to do next, ask no database, and tell nobody whether a thing is there that is not theirs."""

from __future__ import annotations

import re

from django.core.exceptions import DisallowedHost, TooManyFieldsSent, TooManyFilesSent
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.template.loader import render_to_string
from django.utils.translation import gettext as _

from tenants import sites
from tenants.management_api import errors as for_scripts

FOR_SCRIPTS = re.compile(r"(?:/t/[^/]+)?/api/v1/")


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """What could not be read, or was sent to a host name that is not ours; to scripts in the management API's format."""
    is_script = FOR_SCRIPTS.match(request.path) is not None
    match exception:
        case DisallowedHost():
            text = _("This Tollgate does not go by that host name. Its operator can add it to TOLLGATE_ALLOWED_HOSTS.")
        case TooManyFieldsSent() | TooManyFilesSent():
            text = _("That is more than is taken at once. Send less, in several goes.")
        case _ if is_script:
            text = _("This request cannot be read, not even its headers.")
        case _:
            text = _("What was sent cannot be read. Go back, reload the page, and try again.")
    if is_script:
        return JsonResponse(for_scripts.body("invalid", text), status=400)
    return _page(request, 400, _("This cannot be read"), text)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    text = _("Your role does not allow this. An owner of the tenant can change it.")
    return _page(request, 403, _("Not allowed"), text)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    text = _("It may have been deleted, or it belongs to a tenant that you are no member of.")
    return _page(request, 404, _("There is nothing here"), text)


def stale_form(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Django's answer to a form without its token: mostly one that stood open while its session ended."""
    text = _("The page was open for too long, or cookies are switched off. Go back, reload it, and try again.")
    return _page(request, 403, _("This form is out of date"), text)


def failed(request: HttpRequest) -> HttpResponse:
    text = _("The error has been noted in Tollgate's log. Nothing was changed. Please try again in a moment.")
    return _page(request, 500, _("Something went wrong"), text)


def _page(request: HttpRequest, status: int, title: str, text: str) -> HttpResponse:
    context = {**sites.frame(request), "title": title, "text": text, "status": status}
    return HttpResponse(render_to_string("console/error.html", context), status=status)
