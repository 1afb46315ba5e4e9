"""The OpenAPI document of what applications call, and the page that shows it to anybody."""

from __future__ import annotations

import functools
from typing import Any

from django.urls import include, path
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.views import SpectacularAPIView

from config.reference import pages
from config.reference.pages import Document

TEXT = (
    "One API to every model provider, in OpenAI's and Anthropic's wire formats. Send a key (`authorization: Bearer tg-…`, or "
    "`x-api-key: tg-…`); the SDKs of both providers do so when they are given Tollgate's address. What is not described here is handed on "
    "as it is."
)
PATTERNS = [path("v1/", include("gateway.api.urls"))]
PARTS = ("Inference", "Catalog", "Usage", "Feedback", "Cache")


class Generator(SchemaGenerator):
    """Names the document, and says what comes first."""

    def get_schema(self, request: Any = None, public: bool = False) -> Any:
        document = super().get_schema(request=request, public=public)  # type: ignore[no-untyped-call]
        document["info"] |= {"title": "Tollgate: API", "description": TEXT}
        document["tags"] = [{"name": name} for name in PARTS]
        return document


schema = SpectacularAPIView.as_view(patterns=PATTERNS, generator_class=Generator)
docs = pages.page(Document(functools.partial(Generator, patterns=PATTERNS), schema="schema", key="tg-…"))
