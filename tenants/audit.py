"""The audit trail: which person changed which configuration row, from where, and from what to what.

django-auditlog writes an entry whenever a tracked row is saved or deleted, whoever does it. This module says what is tracked and what
never stands in an entry: secrets are masked or left out. Bulk writes (`QuerySet.update`, SQL) leave no entry.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from auditlog.context import auditlog_value
from auditlog.middleware import AuditlogMiddleware
from auditlog.models import LogEntry
from auditlog.registry import auditlog
from django.contrib.contenttypes.models import ContentType
from django.db import models
from django.db.models import Q, QuerySet
from django.db.models.fields.json import KT
from django.db.models.signals import pre_save

from tenants.models import ManagementKey, Tenant

NOT_RECORDED = frozenset(
    {"id", "created_at", "changed_at", "date_joined", "config_version", "last_used_at", "last_login", "secret_sha256"}
    | {"token_sha256", "sent_at", "last_opened_at", "former_secret"}
    | {"credential_hint", "tested_at", "test_fault"}
    | {"payload", "unseen"}  # thousands of a trained model's numbers
)
MASKED = ("credential", "password", "secret", "client_secret")


def track(model: type[models.Model], *, many_to_many: tuple[str, ...] = ()) -> None:
    """Have every change to a row of `model` recorded. Idempotent."""
    names = {field.name for field in model._meta.concrete_fields}
    auditlog.unregister(model)
    auditlog.register(
        model,
        include_fields=sorted(names - NOT_RECORDED),
        mask_fields=sorted(names.intersection(MASKED)),
        mask_callable="tenants.audit.masked",
        m2m_fields=set(many_to_many),
    )


def masked(value: str) -> str:
    """What stands in an entry for a secret: only whether there was one."""
    return "(set)" if value and value != "None" else "(empty)"


def history_of(row: models.Model) -> QuerySet[LogEntry]:
    """Entries about a row and the parts of it that are edited with it (a rule's targets, a plan's tiers), newest first."""
    own = Q(content_type=ContentType.objects.get_for_model(row), object_pk=str(row.pk))
    parts = Q(additional_data__contains={"part_of": str(row.pk)})
    entries: QuerySet[LogEntry] = LogEntry.objects.filter(own | parts)
    return entries.select_related("actor", "content_type").order_by("-timestamp", "-id")


def note(row: models.Model, **done: str) -> None:
    """Record what a person did with a row that is no change of its fields. Must be called within the person's request."""
    changes = {name: ["", value] for name, value in done.items()}
    LogEntry.objects.log_create(row, action=LogEntry.Action.UPDATE, changes=changes)


def of_tenant(entries: QuerySet[LogEntry], tenant: Tenant) -> QuerySet[LogEntry]:
    """Those about the tenant's rows. Row-level security goes by the same expression, as does its index."""
    found: QuerySet[LogEntry] = entries.alias(of_tenant=KT("additional_data__tenant_id"))
    return found.filter(of_tenant=str(tenant.pk))


BY_KEY = "by_key"  # in an entry's additional data: the management key that did it
_by_key: ContextVar[str] = ContextVar("tollgate_by_key", default="")


@contextmanager
def by_key(key: ManagementKey, made_by: Any) -> Iterator[None]:
    """Until the block ends, what is recorded was done by the key, on behalf of whoever has made it (None: gone)."""
    told = auditlog_value.get(None)
    former = told.get("actor") if told is not None else None
    if told is not None:
        told["actor"] = made_by
    token = _by_key.set(f"{key.name} ({key.prefix}…)")
    try:
        yield
    finally:
        _by_key.reset(token)
        if told is not None:
            told["actor"] = former


def connect() -> None:
    """Have entries say which management key wrote them."""
    pre_save.connect(_say_by_key, sender=LogEntry, dispatch_uid="tollgate_by_key")


def _say_by_key(sender: Any, instance: LogEntry, **kwargs: Any) -> None:
    if _by_key.get():
        instance.additional_data = {**(instance.additional_data or {}), BY_KEY: _by_key.get()}


class AuditMiddleware(AuditlogMiddleware):  # type: ignore[misc]
    """Notes the person and the address of a request for the entries made in it.

    The address is the connection's: headers that any client can write are not evidence. Behind a proxy the server puts the
    client's address there (uvicorn's --forwarded-allow-ips).
    """

    @staticmethod
    def _get_remote_addr(request: Any) -> str | None:
        return request.META.get("REMOTE_ADDR") or None

    @staticmethod
    def _get_remote_port(request: Any) -> int | None:
        return None
