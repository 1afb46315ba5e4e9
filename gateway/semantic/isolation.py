"""One tenant at a time: a transaction in which PostgreSQL shows, and takes, that tenant's entries and nobody else's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from django.db import connection, transaction

from gateway.stores.nearest import ROLE


@contextmanager
def acting_for(tenant_id: UUID) -> Iterator[None]:
    """A transaction (a savepoint within another) in the role that row-level security binds to the tenant. Other tables are closed to it."""
    is_outermost = not connection.in_atomic_block
    with transaction.atomic():
        role, tenant = _bound()
        _bind(ROLE, str(tenant_id))
        yield
        if not is_outermost and not connection.needs_rollback:
            _bind(role, tenant)  # a commit or a rollback ends the binding, the end of a savepoint does not


def _bound() -> tuple[str, str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('role'), coalesce(current_setting('app.tenant_id', true), '')")
        role, tenant = cursor.fetchone()
    return role, tenant


def _bind(role: str, tenant_id: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('role', %s, true), set_config('app.tenant_id', %s, true)", [role, tenant_id])
