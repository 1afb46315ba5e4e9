"""What the management API keeps: the keys that call it, and for a day the results of requests that may be sent twice. Part of
`tenants.models`.
"""

from __future__ import annotations

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from tenants.encryption import EncryptedTextField
from tenants.ids import uuid7
from tenants.models import TenantOwned
from tenants.roles import Role


class ManagementKey(TenantOwned):
    """A key that a script manages the tenant with. It calls no model, and no application's key manages. Only its secret's SHA-256 is
    stored.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(_("name"), max_length=80, help_text=_("What uses this key, such as “terraform”."))
    role = models.CharField(_("role"), max_length=12, choices=Role.choices, default=Role.ADMIN)
    subjects = ArrayField(
        models.CharField(max_length=20),
        verbose_name=_("only"),
        default=list,
        blank=True,
        help_text=_("What it may see and change, as far as the role may. Empty: all of that."),
    )
    prefix = models.CharField(_("prefix"), max_length=16, editable=False)
    secret_sha256 = models.CharField(max_length=64, unique=True, editable=False)
    expires_at = models.DateTimeField(_("expires"), null=True, blank=True, help_text=_("Refused from then on."))
    revoked_at = models.DateTimeField(_("revoked"), null=True, blank=True, editable=False)
    last_used_at = models.DateTimeField(_("last used"), null=True, blank=True, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        editable=False,
        related_name="+",
        verbose_name=_("made by"),
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        ordering = ["-created_at"]
        verbose_name = _("management key")
        verbose_name_plural = _("management keys")

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    @property
    def is_usable(self) -> bool:
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > timezone.now())


class KeptResult(TenantOwned):
    """The result of a request with an `Idempotency-Key`, to be given again. Encrypted, since it may hold a secret that is shown once.

    `asked_by` is whose request it was: nobody is given what somebody else was told.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    asked_by = models.CharField(max_length=80)
    key = models.CharField(max_length=200)
    request_sha256 = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(null=True)
    body = EncryptedTextField(blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = _("kept result")
        verbose_name_plural = _("kept results")
        constraints = [models.UniqueConstraint(fields=["tenant", "asked_by", "key"], name="kept_result_once")]
        indexes = [models.Index(fields=["created_at"], name="kept_result_age")]

    def __str__(self) -> str:
        return self.key
