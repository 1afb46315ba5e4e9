"""Whose rows the code at hand may see: one tenant's, everybody's for a reason that is named, or nobody's.

The default manager of tenant-owned models asks here (`tenants.managers`), and `entered` binds the database connection besides: what a query
forgets to say, row-level security says (`tenants.rls`).

- In a web request of stock Django the answer is *nobody's* until something says otherwise: `TenancyMiddleware` begins each request so, the
  console enters its tenant, and the operators' pages cross tenants by name. Reading a tenant-owned model without either raises `NoTenancy`.
- Outside of web requests (`/v1/`, snapshots, Celery, commands) the service acts for all tenants and passes the tenant explicitly. There
  the answer is *everybody's*. A streaming body is outside as well: it has outlived its request, so it passes the tenant, too.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from uuid import UUID

from django.db import connection, connections, transaction

ROLE = "tollgate_console"  # PostgreSQL's, which `tenants.rls` makes and binds


class NoTenancy(RuntimeError):
    """Code has read a tenant's rows without saying whose. A fault of ours, never of the person's."""


@dataclass(frozen=True)
class OfTenant:
    tenant_id: UUID


@dataclass(frozen=True)
class Across:
    reason: str


@dataclass(frozen=True)
class Nowhere:
    """Nothing has been said yet."""


Tenancy = OfTenant | Across | Nowhere

_BIND = "SELECT set_config('role', %s, true), set_config('app.tenant_id', %s, true)"
_SERVICE = Across("Tollgate's own processes")
_present: ContextVar[Tenancy] = ContextVar("tollgate_tenancy", default=_SERVICE)


def present() -> OfTenant | Across:
    """Whose rows may be seen; raises `NoTenancy` where that has not been said."""
    tenancy = _present.get()
    if isinstance(tenancy, Nowhere):
        raise NoTenancy(
            "Enter a tenant (tenancy.entered) or say why not (tenancy.across) before reading tenants' rows."
        )
    return tenancy


@contextmanager
def nowhere() -> Iterator[None]:
    """Begin a request: nobody's rows."""
    with _set(Nowhere()):
        yield


@contextmanager
def entered(tenant_id: UUID) -> Iterator[None]:
    """See and write one tenant's rows only, in a transaction of its own (a savepoint within another).

    The database holds to it: the connection works in the role `tollgate_console`, bound to the tenant, until the block ends. Entering the
    same tenant again changes nothing; entering another one from within raises `NoTenancy`.
    """
    outer = _present.get()
    if isinstance(outer, OfTenant):
        if outer.tenant_id != tenant_id:
            raise NoTenancy("Within one tenant another cannot be entered.")
        yield
        return
    is_outermost = not connection.in_atomic_block
    with transaction.atomic():
        _bind(ROLE, str(tenant_id))
        with _set(OfTenant(tenant_id)):
            yield
        # A commit or a rollback ends the binding; within an outer transaction (as in tests) it would go on after us.
        if not is_outermost and not connection.needs_rollback:
            _bind("none", "")


@contextmanager
def across(reason: str) -> Iterator[None]:
    """See and write every tenant's rows, with the service's own rights. The reason is for the reader of the code.

    From within a tenant this lifts the database's binding until the block ends, in a savepoint, so that an error cannot leave it lifted.
    """
    outer = _present.get()
    if not isinstance(outer, OfTenant):
        with _set(Across(reason)):
            yield
        return
    with transaction.atomic():
        _bind("none", "")
        with _set(Across(reason)):
            yield
        if not connection.needs_rollback:
            _bind(ROLE, str(outer.tenant_id))


def bind_alike(alias: str) -> None:
    """Bind another connection's present transaction as the default one's is: to the tenant that was entered, if one was."""
    tenancy = present()
    if isinstance(tenancy, OfTenant):
        with connections[alias].cursor() as cursor:
            cursor.execute(_BIND, [ROLE, str(tenancy.tenant_id)])


@contextmanager
def _set(tenancy: Tenancy) -> Iterator[None]:
    token = _present.set(tenancy)
    try:
        yield
    finally:
        _present.reset(token)


def _bind(role: str, tenant_id: str) -> None:
    """Both settings end with the transaction, so that no pooled connection carries them on."""
    with connection.cursor() as cursor:
        cursor.execute(_BIND, [role, tenant_id])
