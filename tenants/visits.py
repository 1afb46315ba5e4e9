"""Who is in whose console: the tenant and the role of a request.

`ConsoleMiddleware` finds them once, from the slug in the address and the person's memberships. Everything behind it asks here, so that a
page neither looks a tenant up nor compares roles.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest

from tenants import roles
from tenants.models import Membership, Tenant
from tenants.roles import Action, Role


class NotInAConsole(RuntimeError):
    """A page of the console was asked outside of one."""


@dataclass(frozen=True)
class Visit:
    """A person in a tenant's console. An operator who is no member there has an owner's rights, and pages say that it is one.

    Of a management key (`tenants.management_api`) the role is the key's, and `subjects` what it is limited to; empty: to nothing.
    """

    tenant: Tenant
    role: Role
    by_operator: bool = False
    subjects: frozenset[str] = frozenset()

    def may(self, action: Action, subject: str) -> bool:
        return (not self.subjects or subject in self.subjects) and roles.may(self.role, action, subject)


def found(request: HttpRequest) -> Visit | None:
    """The visit that the request is part of; None on the operators' pages and everywhere else."""
    return getattr(request, "_tollgate_visit", None)


def of(request: HttpRequest) -> Visit:
    """As `found`; raises `NotInAConsole` where there is none."""
    visit = found(request)
    if visit is None:
        raise NotInAConsole(request.path)
    return visit


def begin(request: HttpRequest, visit: Visit) -> None:
    request._tollgate_visit = visit  # type: ignore[attr-defined]


def memberships(request: HttpRequest) -> list[Membership]:
    """The person's memberships with their tenants, by the tenant's name. Read once per request."""
    held: list[Membership] | None = getattr(request, "_tollgate_memberships", None)
    if held is None:
        held = _memberships_of(request.user) if request.user.is_authenticated else []
        request._tollgate_memberships = held  # type: ignore[attr-defined]
    return held


def find(request: HttpRequest, slug: str) -> Visit | None:
    """The visit that the person may make to the tenant of that slug; None if there is no such tenant, or none for them.

    For a member the two are found out by the same single query, so that its time does not tell them apart.
    """
    for membership in memberships(request):
        if membership.tenant.slug == slug:
            return Visit(membership.tenant, Role(membership.role))
    if is_operator(request.user):
        tenant = Tenant.objects.across("operators may open any tenant's console").filter(slug=slug).first()
        return Visit(tenant, Role.OWNER, by_operator=True) if tenant is not None else None
    return None


def is_operator(user: Any) -> bool:
    """Whether the person runs this Tollgate, and so may see every tenant."""
    return bool(user.is_active and user.is_superuser)


def _memberships_of(user: Any) -> list[Membership]:
    rows = Membership.objects.across("which tenants a person belongs to is asked before one is entered")
    rows = rows.filter(user_id=user.pk).select_related("tenant__sso").defer("tenant__sso__client_secret")
    return list(rows.order_by("tenant__name", "tenant_id"))
