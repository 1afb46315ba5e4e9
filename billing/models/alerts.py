"""Crossings of a budget's thresholds, who is told of them, and how the telling went."""

from __future__ import annotations

import base64
import binascii
import os
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.validators import EmailValidator, MaxValueValidator, MinValueValidator, URLValidator
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from billing.models.budgets import Budget
from tenants.encryption import EncryptedTextField
from tenants.ids import uuid7
from tenants.models import TenantOwned

SECRET_PREFIX = "whsec_"  # noqa: S105 (Standard Webhooks)
SECRET_BYTES = range(24, 65)


class AlertChannel(TenantOwned):
    """Where a tenant's alerts go. A signed webhook always has a secret: saving one without makes it."""

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
    minimum_threshold = models.PositiveSmallIntegerField(
        _("from (%)"),
        default=1,
        validators=[MinValueValidator(1), MaxValueValidator(100)],
        help_text=_("Only crossings of this threshold or a higher one. 100: only exhausted budgets."),
    )
    is_active = models.BooleanField(_("active"), default=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        ordering = ["tenant", "name"]
        verbose_name = _("alert channel")
        verbose_name_plural = _("alert channels")

    def __str__(self) -> str:
        return self.name

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
            self.secret = SECRET_PREFIX + base64.b64encode(os.urandom(32)).decode("ascii")
            if kwargs.get("update_fields") is not None:
                kwargs["update_fields"] = {*kwargs["update_fields"], "secret"}
        super().save(*args, **kwargs)


def _is_secret(text: str) -> bool:
    try:
        return len(base64.b64decode(text.removeprefix(SECRET_PREFIX), validate=True)) in SECRET_BYTES
    except (binascii.Error, ValueError):
        return False


class Alert(TenantOwned):
    """A threshold crossed: written once, in the transaction of the ledger rows that crossed it, and never changed.

    `source` is a budget's id or names a limit of the plan or of a key, such as "plan:usd_per_month". A raised amount makes a new crossing.
    `used` and `amount` are requests, tokens or USD.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    source = models.CharField(max_length=60)
    budget = models.ForeignKey(
        Budget,
        on_delete=models.SET_NULL,
        null=True,
        db_constraint=False,
        related_name="alerts",
        verbose_name=_("budget"),
    )
    name = models.CharField(_("budget"), max_length=120)
    dimension = models.CharField(max_length=10)
    subject = models.CharField(_("of"), max_length=200, blank=True)
    metric = models.CharField(_("metric"), max_length=10)
    window = models.CharField(_("per"), max_length=10)
    window_start = models.DateTimeField(_("window from"))
    window_end = models.DateTimeField(_("window until"), null=True)
    threshold = models.PositiveSmallIntegerField(_("threshold (%)"))
    amount = models.DecimalField(_("amount"), max_digits=28, decimal_places=9)
    used = models.DecimalField(_("used"), max_digits=28, decimal_places=9)
    crossed_at = models.DateTimeField(_("crossed"), default=timezone.now)

    class Meta:
        ordering = ["-crossed_at"]
        verbose_name = _("alert")
        verbose_name_plural = _("alerts")
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "source", "dimension", "subject", "window_start", "threshold", "amount"],
                name="alert_once_per_crossing",
            )
        ]
        indexes = [models.Index(fields=["tenant", "-crossed_at"])]

    def __str__(self) -> str:
        return f"{self.name}: {self.threshold} %"


class AlertDelivery(TenantOwned):
    """An alert on its way to one channel: the outbox. Written with the alert; tried until it is delivered or given up."""

    class Status(models.TextChoices):
        WAITING = "waiting", _("Waiting")
        DELIVERED = "delivered", _("Delivered")
        FAILED = "failed", _("Given up")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    alert = models.ForeignKey(Alert, on_delete=models.CASCADE, related_name="deliveries", verbose_name=_("alert"))
    channel = models.ForeignKey(
        AlertChannel, on_delete=models.CASCADE, related_name="deliveries", verbose_name=_("channel")
    )
    status = models.CharField(_("status"), max_length=10, choices=Status.choices, default=Status.WAITING)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    next_attempt_at = models.DateTimeField(_("next attempt"), default=timezone.now)
    delivered_at = models.DateTimeField(_("delivered"), null=True)
    errors = ArrayField(models.CharField(max_length=300), default=list, verbose_name=_("errors"))

    class Meta:
        ordering = ["-next_attempt_at"]
        verbose_name = _("alert delivery")
        verbose_name_plural = _("alert deliveries")
        constraints = [models.UniqueConstraint(fields=["alert", "channel"], name="alert_delivery_once_per_channel")]
        indexes = [
            models.Index(
                fields=["next_attempt_at"], condition=models.Q(status="waiting"), name="alert_delivery_waiting"
            )
        ]

    def __str__(self) -> str:
        return f"{self.alert} → {self.channel}"
