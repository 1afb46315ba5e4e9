"""Who is in a tenant, and in which role: changing, removing, leaving. A tenant that has an owner never loses its last one this way."""

from __future__ import annotations

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from tenants.models import Membership
from tenants.roles import Role


class LastOwner(Exception):
    """The tenant would be left without an owner."""

    message = _("This is the tenant's last owner. Make somebody else an owner first.")


def change_role(membership: Membership, role: Role) -> None:
    """Put the person in another role. Raises `LastOwner`. Two owners who demote each other at the same moment do not both succeed."""
    with transaction.atomic():
        if role != Role.OWNER:
            _keep_an_owner(membership)
        membership.role = role
        membership.save(update_fields=["role"])


def remove(membership: Membership) -> None:
    """Take the person out of the tenant, from their next request on. Raises `LastOwner`."""
    with transaction.atomic():
        _keep_an_owner(membership)
        membership.delete()


def _keep_an_owner(membership: Membership) -> None:
    """Locks the tenant's owners until the transaction ends, so that whoever comes at the same moment sees what became of this."""
    owners = Membership.objects.filter(tenant_id=membership.tenant_id, role=Role.OWNER)
    ids = set(owners.select_for_update().order_by("pk").values_list("pk", flat=True))
    if ids == {membership.pk}:
        raise LastOwner(LastOwner.message)
