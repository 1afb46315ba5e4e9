"""Whose rows a person sees and edits in the admin: an operator (superuser) everyone's, others those of the tenants they belong to.

A person who is no operator has the rights of their membership's role in each tenant; Django's own permissions give them nothing more.
"""

from __future__ import annotations

from uuid import UUID

from django.http import HttpRequest

from tenants.models import Membership

Role = Membership.Role
EDITORS = frozenset({Role.OWNER, Role.ADMIN})
OWNERS = frozenset({Role.OWNER})
EVERYONE = frozenset(Role)


def is_operator(request: HttpRequest) -> bool:
    """Whether the person runs this Tollgate, and so may see every tenant."""
    return bool(request.user.is_active and request.user.is_superuser)


def tenant_ids(request: HttpRequest, roles: frozenset[Role] = EVERYONE) -> frozenset[UUID]:
    """The tenants in which the person has one of `roles`. Read once per request."""
    held: dict[UUID, str] | None = getattr(request, "_tollgate_roles", None)
    if held is None:
        memberships = Membership.objects.filter(user_id=request.user.pk or 0)
        held = dict(memberships.values_list("tenant_id", "role")) if request.user.is_active else {}
        request._tollgate_roles = held  # type: ignore[attr-defined]
    return frozenset(tenant_id for tenant_id, role in held.items() if role in roles)
