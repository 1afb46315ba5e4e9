"""Where a tenant's alerts go."""

from __future__ import annotations

import base64
import binascii
import os
from typing import Any
from urllib.parse import urlsplit

from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.validators import EmailValidator, MaxValueValidator, MinValueValidator, URLValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from tenants.encryption import EncryptedTextField
from tenants.ids import uuid7
from tenants.models import TenantOwned

SECRET_PREFIX = "whsec_"  # noqa: S105 (Standard Webhooks)
SECRET_BYTES = range(24, 65)


class Severity(models.TextChoices):
    """How bad it is. `RANK` orders them."""

    INFO = "info", _("Information")
    WARNING = "warning", _("Warning")
    CRITICAL = "critical", _("Critical")


RANK = {severity: rank for rank, severity in enumerate(Severity)}


class AlertChannel(TenantOwned):
    """An address. A signed webhook always has a secret: saving one without makes it.

    An e-mail address gets alerts once its owner has confirmed it. `off_because` says why Tollgate itself switched the channel off.
    """

    class Kind(models.TextChoices):
        EMAIL = "email", _("E-mail")
        WEBHOOK = "webhook", _("Webhook (signed, Standard Webhooks)")
        SLACK = "slack", _("Slack-compatible webhook")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(_("name"), max_length=80)
    kind = models.CharField(_("kind"), max_length=10, choices=Kind.choices, default=Kind.EMAIL)
    target = models.CharField(_("target"), max_length=500, help_text=_("An e-mail address or an https:// address."))
    secret = EncryptedTextField(
        _("signing secret"), blank=True, help_text=_("Of a signed webhook: whsec_… Made for you when left empty.")
    )
    # While a new secret goes out to the receiver, messages are signed with both.
    former_secret = EncryptedTextField(blank=True, editable=False)
    former_until = models.DateTimeField(null=True, editable=False)
    minimum_threshold = models.PositiveSmallIntegerField(
        _("from (%)"),
        default=1,
        validators=[MinValueValidator(1), MaxValueValidator(100)],
        help_text=_("Only crossings of this threshold or a higher one. 100: only exhausted budgets."),
    )
    minimum_severity = models.CharField(
        _("of other alerts, from"),
        max_length=10,
        choices=Severity.choices,
        default=Severity.INFO,
        help_text=_("Of alerts that are not about budgets: only those that are at least this bad."),
    )
    # What it does not want, so that it gets new kinds of alert by itself.
    muted_kinds = ArrayField(models.CharField(max_length=20), default=list, blank=True, verbose_name=_("never sent"))
    is_active = models.BooleanField(_("active"), default=True)
    off_because = models.CharField(_("switched off because"), max_length=200, blank=True, editable=False)
    confirmed_at = models.DateTimeField(_("address confirmed"), null=True, editable=False)
    confirmation_sent_at = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        ordering = ["tenant", "name"]
        verbose_name = _("alert channel")
        verbose_name_plural = _("alert channels")

    def __str__(self) -> str:
        return self.name

    @property
    def awaits_confirmation(self) -> bool:
        return self.kind == self.Kind.EMAIL and self.confirmed_at is None

    @property
    def masked_target(self) -> str:
        """The address as everybody may see it: of a URL, which often is a secret itself, where it leads."""
        if self.kind == self.Kind.EMAIL:
            return self.target
        parts = urlsplit(self.target)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}/…"

    def clean(self) -> None:
        super().clean()
        validate: Any = EmailValidator() if self.kind == self.Kind.EMAIL else URLValidator(schemes=["https", "http"])
        try:
            validate(self.target)
        except ValidationError as error:
            raise ValidationError({"target": error.messages}) from error
        if self.kind == self.Kind.WEBHOOK and self.secret and not _is_secret(self.secret):
            raise ValidationError(
                {"secret": _("whsec_ and 24 to 64 random bytes in base64, please. Leave it empty to have one made.")}
            )

    def save(self, *args: Any, **kwargs: Any) -> None:
        if self.kind == self.Kind.WEBHOOK and not self.secret:
            self.secret = new_secret()
            if kwargs.get("update_fields") is not None:
                kwargs["update_fields"] = {*kwargs["update_fields"], "secret"}
        super().save(*args, **kwargs)


def new_secret() -> str:
    return SECRET_PREFIX + base64.b64encode(os.urandom(32)).decode("ascii")


def _is_secret(text: str) -> bool:
    try:
        return len(base64.b64decode(text.removeprefix(SECRET_PREFIX), validate=True)) in SECRET_BYTES
    except (binascii.Error, ValueError):
        return False
