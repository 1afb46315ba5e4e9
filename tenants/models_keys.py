"""The secrets of API keys: one that lasts, and after a rotation for a while the one before it (`tenants.api_keys`)."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from tenants.ids import uuid7
from tenants.models import ApiKey, ConfigModel, TenantOwned


class ApiKeySecret(TenantOwned, ConfigModel):
    """What an application sends as its key. Only the SHA-256 is stored. Whichever secret is sent, usage and limits are the key's."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    api_key = models.ForeignKey(ApiKey, on_delete=models.CASCADE, related_name="secrets", verbose_name=_("API key"))
    prefix = models.CharField(_("prefix"), max_length=16)
    secret_sha256 = models.CharField(max_length=64, unique=True, editable=False)
    ends_at = models.DateTimeField(
        _("accepted until"), null=True, blank=True, help_text=_("Empty: as long as the key itself.")
    )
    last_used_at = models.DateTimeField(_("last used"), null=True, blank=True, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        editable=False,
        related_name="+",
        verbose_name=_("created by"),
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        ordering = ["-created_at", "-id"]
        verbose_name = _("secret of an API key")
        verbose_name_plural = _("secrets of API keys")
        constraints = [
            models.UniqueConstraint(fields=["api_key"], condition=Q(ends_at=None), name="api_key_one_lasting_secret")
        ]

    def __str__(self) -> str:
        return f"{self.prefix}…"

    def part_of_id(self) -> Any:
        return self.api_key_id

    def is_accepted(self, now: dt.datetime | None = None) -> bool:
        """Whether it is not over yet; whether its key is usable is another question."""
        return self.ends_at is None or self.ends_at > (now or timezone.now())
