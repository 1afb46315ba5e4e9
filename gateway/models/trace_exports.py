"""Requests whose traces wait to be sent to a collector."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from tenants.models import Tenant, TenantOwned


class TraceExport(TenantOwned):
    """A request that has come into the log and was not exported yet. No foreign key constraint: the log outlives what it names."""

    seq = models.BigAutoField(primary_key=True)
    tenant = models.ForeignKey(
        Tenant, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )
    accepted_at = models.DateTimeField()
    request_id = models.UUIDField()
    noted_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"req_{self.request_id.hex}"
