"""Tollgate's own static files in the admin's pages."""

from typing import Any


def static_url(name: str, request: Any = None) -> str:
    """The address of a static file; asked for with each request, as settings are read before static files are set up."""
    from django.templatetags.static import static

    return static(name)
