"""Whose a request is: a management key's, or a person's who is signed in to the console and calls the API from there.

A key is recognised before its tenant is entered (`views`), so what DRF is told here is only who acts. At /t/<slug>/api/v1/ the console's
own middleware has let the person in; writing takes a CSRF token, as a form does.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.request import Request

from tenants.models import ManagementKey


def begin(request: HttpRequest, key: ManagementKey) -> None:
    request._tollgate_management_key = key  # type: ignore[attr-defined]


def key_of(request: HttpRequest) -> ManagementKey | None:
    found: ManagementKey | None = getattr(request, "_tollgate_management_key", None)
    return found


def secret_of(request: HttpRequest) -> str:
    """What was sent as a key; empty if nothing was."""
    scheme, _blank, secret = request.headers.get("Authorization", "").partition(" ")
    return secret.strip() if scheme.lower() == "bearer" else ""


class ByKey(BaseAuthentication):
    """The person is who has made the key; None once they are gone."""

    def authenticate(self, request: Request) -> tuple[Any, ManagementKey] | None:
        key = key_of(request._request)
        return (key.created_by, key) if key is not None else None


class BySession(SessionAuthentication):
    """Reached within a console only."""


class KeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = ByKey
    name = "managementKey"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "bearerFormat": "tgm-…"}


class SessionScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = BySession
    name = "consoleSession"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "apiKey", "in": "cookie", "name": settings.SESSION_COOKIE_NAME}
