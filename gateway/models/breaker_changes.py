"""When circuit breakers opened and closed."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from tenants.ids import uuid7


class BreakerChange(models.Model):
    """A change of one breaker's state, as `scripts/breaker.lua` made it. It belongs to a provider's model, and so to no tenant.

    `entry` is the change's id in the stream that it came by, so that it is noted once.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    entry = models.CharField(max_length=40, unique=True)
    provider_id = models.UUIDField()
    upstream_id = models.CharField(max_length=200)
    state = models.CharField(_("state"), max_length=10)
    at = models.DateTimeField(_("at"))

    class Meta:
        ordering = ["-at"]
        verbose_name = _("change of a circuit breaker")
        verbose_name_plural = _("changes of circuit breakers")
        indexes = [models.Index(fields=["provider_id", "upstream_id", "at"], name="breaker_change_of_model")]

    def __str__(self) -> str:
        return f"{self.upstream_id}: {self.state}"
