"""What a dashboard says before the first request: the next thing to do."""

from __future__ import annotations

from dataclasses import dataclass

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _

from gateway.models import Model
from tenants import visits
from tenants.models import ApiKey


@dataclass(frozen=True)
class Welcome:
    """`link` leads to the next step; `example` is a first call, empty where one cannot make it yet."""

    text: str
    link: str
    link_text: str
    example: str = ""


def welcome(request: HttpRequest) -> Welcome:
    visit = visits.found(request)
    if visit is None:
        text = _("As soon as a tenant's application calls Tollgate, its figures are here, within seconds.")
        return Welcome(text, reverse("admin:tenants_tenant_changelist"), _("See the tenants"))
    model = Model.objects.order_by("name").values_list("name", flat=True).first()
    if ApiKey.objects.filter(revoked_at=None).exists():
        text = _("As soon as an application calls with one of your keys, its figures are here, within seconds.")
        link, link_text = reverse("admin:tenants_apikey_changelist"), _("See the keys")
    elif visit.may("add", "keys"):
        text = _("An application calls with a key. Make one, and call; the figures are here within seconds.")
        link, link_text = reverse("admin:tenants_apikey_add"), _("Make an API key")
    else:
        text = _("Somebody with the role of a developer makes a key, and an application calls with it.")
        link, link_text = "", ""
    return Welcome(text, link, link_text, _example(request, model) if model else "")


def _example(request: HttpRequest, model: str) -> str:
    root = f"{request.scheme}://{request.get_host()}"
    return (
        f"curl {root}/v1/chat/completions \\\n"
        '  -H "Authorization: Bearer $TOLLGATE_KEY" -H "Content-Type: application/json" \\\n'
        f'  -d \'{{"model": "{model}", "messages": [{{"role": "user", "content": "Hello"}}]}}\''
    )
