"""The OpenAPI document of the management API, and the page that shows it: for anybody, and within each console for its members."""

from __future__ import annotations

import functools
from typing import Any

from django.urls import include, path
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.views import SpectacularAPIView

from config.reference import pages
from config.reference.pages import Document
from tenants import visits
from tenants.console import addresses

TEXT = (
    "What the console does, for scripts. Send a management key (`authorization: Bearer tgm-…`), which an owner or admin makes in the "
    "console. Lists come in pages (`limit`, `next`), unknown fields and filters are refused, and every error is "
    '`{"error": {"code", "message", "fields"}}`.'
)
PATTERNS = [path("api/v1/", include("config.management_urls"))]


class Generator(SchemaGenerator):
    """Names the document; in a console its addresses lead to that tenant. Nothing global is changed for it: requests run side by side."""

    def get_schema(self, request: Any = None, public: bool = False) -> Any:
        document = super().get_schema(request=request, public=public)  # type: ignore[no-untyped-call]
        document["info"] |= {"title": "Tollgate: management API", "description": TEXT}
        visit = visits.found(request._request) if request is not None else None
        if visit is not None:
            document["servers"] = [{"url": addresses.console(visit.tenant.slug).rstrip("/")}]
        return document


schema = SpectacularAPIView.as_view(patterns=PATTERNS, generator_class=Generator)
docs = pages.page(Document(functools.partial(Generator, patterns=PATTERNS), schema="management_schema", key="tgm-…"))
