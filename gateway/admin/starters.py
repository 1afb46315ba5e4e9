"""The code to begin with, for a key or without one, and what is needed to wait for the request that it makes."""

from __future__ import annotations

import time
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from gateway import onboarding
from gateway import snippets as code
from gateway.snippets import Snippet
from tenants import visits
from tenants.models import ApiKey, Tenant


def base_url(request: HttpRequest) -> str:
    """Where applications call this Tollgate, as the person has reached it."""
    return request.build_absolute_uri("/").rstrip("/")


def snippets(request: HttpRequest, key: ApiKey, *, secret: str = "") -> tuple[Snippet, ...]:
    """A first request with that key; none where it can call nothing."""
    return of_tenant(request, key.tenant, key=key, secret=secret)


def of_tenant(
    request: HttpRequest, tenant: Tenant, *, key: ApiKey | None = None, secret: str = ""
) -> tuple[Snippet, ...]:
    call = onboarding.first_call(onboarding.usable_models(tenant, timezone.now()), key)
    return code.of(call, base_url=base_url(request), secret=secret) if call is not None else ()


def waiting(request: HttpRequest, key: ApiKey | None = None) -> dict[str, Any]:
    """What the page needs to look for requests from now on. On the operators' site nobody waits."""
    if visits.found(request) is None:
        return {}
    key_id = f"&key={key.pk}" if key is not None else ""
    return {"arrivals_url": f"{reverse('console:arrivals')}?after={int(time.time() * 1000)}{key_id}"}
