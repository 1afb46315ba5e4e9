"""The reference's page: in a console in its frame, and outside of it, for anybody, in one of its own."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.encoding import force_str
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe
from drf_spectacular.generators import SchemaGenerator

from config.reference import reading
from config.reference.reading import Reference
from tenants import sites, visits
from tenants.console import addresses

TEMPLATE = "reference/page.html"


@dataclass(frozen=True)
class Document:
    """Where an OpenAPI document comes from. `schema` is the name of its address; `key` what the calls are made with."""

    generator: Callable[[], SchemaGenerator]
    schema: str
    key: str

    @functools.cached_property
    def reference(self) -> Reference:
        """Read once: what it says is the same for everybody, and does not change while the process runs."""
        made = self.generator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
        return reading.read(json.loads(json.dumps(made, default=force_str)))


def page(document: Document) -> Callable[..., HttpResponse]:
    """The view that shows it."""

    @require_safe
    def shown(request: HttpRequest) -> HttpResponse:
        context = {
            "title": document.reference.title,
            "reference": document.reference,
            "document_url": f"{reverse(document.schema)}?format=json",
            "key": document.key,
            "origin": request.build_absolute_uri(addresses.outside("front")).rstrip("/"),
        }
        if visits.found(request) is not None:
            context |= {"frame": "admin/base_site.html", "title": _("Management API"), "is_in_console": True}
            return sites.console.render(request, TEMPLATE, context)
        return TemplateResponse(request, TEMPLATE, {**sites.frame(request), **context, "frame": "reference/frame.html"})

    return shown
