"""The page behind the link that an alert channel's address is sent. Its reader need not be signed in, nor know Tollgate.

To open it changes nothing, for mail programs open links by themselves; the button confirms.
"""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from billing import alert_channels
from tenants import sites
from tenants.console import addresses


def link_maker(request: HttpRequest) -> Callable[[str], str]:
    """What makes links of tokens: whole addresses of the server that is asked."""

    def link(token: str) -> str:
        return request.build_absolute_uri(addresses.outside("confirm_channel", token))

    return link


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def confirm(request: HttpRequest, token: str) -> HttpResponse:
    question = alert_channels.asked(token)
    context = {**sites.frame(request), "title": _("This link no longer holds")}
    if question is None:
        return TemplateResponse(request, "billing/channels/confirm.html", context, status=404)
    is_confirmed = request.method == "POST"
    if is_confirmed:
        alert_channels.confirm(question, now=timezone.now())
    context |= {
        "title": _("Thank you") if is_confirmed else _("Get alerts here?"),
        "target": question.channel.target,
        "tenant": question.tenant.name,
        "is_confirmed": is_confirmed,
    }
    return TemplateResponse(request, "billing/channels/confirm.html", context)
