"""Forgetting stored content: at once where somebody asks for it, by itself once it is as old as its tenant keeps it.

What is asked for is in force when the call returns, also for requests that are still under way: a deletion is noted, and content that was
asked for before it is not stored when it comes.
"""

from __future__ import annotations

import datetime as dt
import time
from uuid import UUID

from django.db import connection, transaction

from gateway.content.keeping import LOCK_SPACE
from gateway.models import ContentErasure, ContentPolicy, RequestContent
from tenants import audit
from tenants.models import Tenant

BATCH = 1000
NOTED_DAYS = 7  # longer than any request is under way, or waits in a spool that is being looked after


def forget(tenant: Tenant, end_user: str, now: dt.datetime) -> int:
    """Delete what is stored of an end user, or of everybody (""); returns of how many requests. For a person: it is in the audit trail.

    Safe to run twice.
    """
    with transaction.atomic():
        with connection.cursor() as cursor:  # a worker that is storing has not seen the note yet
            cursor.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", [LOCK_SPACE, str(tenant.pk)])
        ContentErasure.objects.create(tenant=tenant, end_user=end_user, before=now)
        rows = RequestContent.objects.filter(tenant=tenant)
        deleted, _ = (rows.filter(end_user=end_user) if end_user else rows).delete()
        policy = ContentPolicy.objects.filter(tenant=tenant).first()
        audit.note(policy or tenant, deleted=f"content of {end_user or 'everybody'}: {deleted} requests")
    return deleted


def forget_old(now: dt.datetime, *, seconds: float) -> int:
    """Delete content that is older than its tenant keeps it, for at most so long; returns of how many requests. Idempotent; each batch
    commits by itself.
    """
    end = time.monotonic() + seconds
    deleted = 0
    for tenant_id, days in ContentPolicy.objects.order_by("pk").values_list("tenant_id", "days"):
        while time.monotonic() < end:
            count = _delete(tenant_id, now - dt.timedelta(days=days))
            deleted += count
            if count < BATCH:
                break
    ContentErasure.objects.filter(before__lt=now - dt.timedelta(days=NOTED_DAYS)).delete()
    return deleted


def _delete(tenant_id: UUID, before: dt.datetime) -> int:
    """A batch, oldest first."""
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM gateway_requestcontent WHERE id IN (SELECT id FROM gateway_requestcontent "
            "WHERE tenant_id = %s AND accepted_at < %s ORDER BY accepted_at LIMIT %s)",
            [tenant_id, before, BATCH],
        )
        return int(cursor.rowcount)
