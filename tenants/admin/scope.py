"""Whose rows a page is about: on the operators' site everybody's, in a console its tenant's."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpRequest

from tenants import visits


def is_operator(request: HttpRequest) -> bool:
    """Whether the page is the operators', and so about every tenant. In a console it is not, whoever looks."""
    return visits.found(request) is None and visits.is_operator(request.user)


def tenant_ids(request: HttpRequest) -> frozenset[UUID]:
    """The tenant of the console; none on the operators' site."""
    visit = visits.found(request)
    return frozenset() if visit is None else frozenset({visit.tenant.pk})
