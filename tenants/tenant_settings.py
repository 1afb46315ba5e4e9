"""What a tenant's people set of the tenant itself, for its page and the management API: its name, and where its days begin and end.

Everything else of a tenant is the operator's, and the database lets a console write nothing else of it.
"""

from __future__ import annotations

from tenants.models import Tenant

EDITABLE = ("name", "timezone")


def change(tenant: Tenant, *, name: str | None = None, timezone: str | None = None) -> None:
    """What is None stays. Raises `ValidationError`; then nothing was changed, in `tenant` neither."""
    wanted = {"name": name, "timezone": timezone}
    changes = {field: value for field, value in wanted.items() if value not in (None, getattr(tenant, field))}
    if not changes:
        return
    row = Tenant.objects.get(pk=tenant.pk)
    for field, value in changes.items():
        setattr(row, field, value)
    row.full_clean(exclude=[field.name for field in Tenant._meta.fields if field.name not in changes])
    row.save(update_fields=sorted(changes))
    for field in changes:
        setattr(tenant, field, getattr(row, field))
