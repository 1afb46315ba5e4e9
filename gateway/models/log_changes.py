"""What changed in the request log and has not been added up yet."""

from __future__ import annotations

from django.db import models

from tenants.models import Tenant, TenantOwned


class LogChange(TenantOwned):
    """A row that came into the log, or (with `was`) one that went away as a better one replaced it. See `gateway.log_changes`."""

    seq = models.BigAutoField(primary_key=True)
    tenant = models.ForeignKey(
        Tenant, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )
    accepted_at = models.DateTimeField()
    record_id = models.UUIDField()
    was = models.JSONField(null=True)

    def __str__(self) -> str:
        return f"{'-' if self.was else '+'} {self.record_id}"
