"""What was used, added up by day: the part of the ledger that counters, statements and alerts are read from."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from tenants.models import Tenant, TenantOwned


class DailyUsage(TenantOwned):
    """One subject's usage in one day of the tenant's time zone. The drain adds to it in the transaction that inserts the records.

    Every record counts once in each dimension it has: the tenant, its key, end user, tier, task, model served, and each of its tags.
    A request counts once however many attempts it took; one that was refused before any attempt does not count.
    """

    class Dimension(models.TextChoices):
        TENANT = "tenant", _("Tenant")
        KEY = "key", _("API key")
        END_USER = "end_user", _("End user")
        TIER = "tier", _("Tier")
        TASK = "task", _("Task")
        MODEL = "model", _("Model")
        TAG = "tag", _("Tag")

    pk = models.CompositePrimaryKey("tenant_id", "day", "dimension", "subject")
    tenant = models.ForeignKey(Tenant, on_delete=models.DO_NOTHING, db_constraint=False, related_name="+")
    day = models.DateField()
    dimension = models.CharField(max_length=10, choices=Dimension.choices)
    subject = models.CharField(max_length=200)
    requests = models.BigIntegerField()
    input_tokens = models.BigIntegerField()
    cache_read_tokens = models.BigIntegerField()
    output_tokens = models.BigIntegerField()
    cost_usd = models.DecimalField(max_digits=24, decimal_places=9)

    class Meta:
        verbose_name = _("daily usage")
        verbose_name_plural = _("daily usage")
        indexes = [models.Index(fields=["tenant", "dimension", "subject", "day"])]

    def __str__(self) -> str:
        return f"{self.day} {self.dimension} {self.subject}"
