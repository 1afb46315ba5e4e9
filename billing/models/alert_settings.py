"""What a tenant wants to be alerted of besides budgets, from when on, and when it does not want to be disturbed."""

from __future__ import annotations

from decimal import Decimal

from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from billing.models.channels import Severity
from tenants.ids import uuid7
from tenants.models import TenantOwned

MOST_TASKS = 200
LONGEST_MS = 3_600_000
_PERCENT = (MinValueValidator(Decimal("0.01")), MaxValueValidator(Decimal("99.99")))


class AlertSettings(TenantOwned):
    """One row a tenant; without one, the defaults hold (`billing.alert_settings.of`).

    `task_p95_ms` has targets of tasks that have their own; all else has `p95_target_ms`. `off_kinds` are kinds of `Alert` that nobody
    watches for. In quiet hours, in the tenant's time zone, channels are told only of what is as bad as `quiet_severity` (empty: of
    nothing); the rest they are told when the quiet hours end.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    off_kinds = ArrayField(models.CharField(max_length=20), default=list, blank=True, verbose_name=_("switched off"))
    p95_target_ms = models.PositiveIntegerField(
        _("p95 target (ms)"), default=30_000, validators=[MinValueValidator(1), MaxValueValidator(LONGEST_MS)]
    )
    task_p95_ms = models.JSONField(_("p95 targets of tasks (ms)"), default=dict, blank=True)
    error_percent = models.DecimalField(
        _("errors (%)"), max_digits=5, decimal_places=2, default=Decimal(5), validators=_PERCENT
    )
    hit_percent = models.DecimalField(
        _("cache hit rate (%)"), max_digits=5, decimal_places=2, default=Decimal(10), validators=_PERCENT
    )
    quality_points = models.DecimalField(
        _("drop of quality (points)"), max_digits=5, decimal_places=2, default=Decimal(5), validators=_PERCENT
    )
    spend_least_usd = models.DecimalField(
        _("spending, at least (USD an hour)"),
        max_digits=12,
        decimal_places=2,
        default=Decimal(1),
        validators=[MinValueValidator(Decimal("0.01"))],
    )
    quiet_from = models.TimeField(_("quiet from"), null=True, blank=True)
    quiet_until = models.TimeField(_("quiet until"), null=True, blank=True)
    quiet_severity = models.CharField(
        _("told even then, from"), max_length=10, choices=Severity.choices, default=Severity.CRITICAL, blank=True
    )

    class Meta:
        verbose_name = _("alert settings")
        verbose_name_plural = _("alert settings")
        constraints = [
            models.UniqueConstraint(fields=["tenant"], name="alert_settings_once"),
            models.CheckConstraint(
                condition=models.Q(quiet_from=None, quiet_until=None)
                | models.Q(quiet_from__isnull=False, quiet_until__isnull=False),
                name="alert_quiet_hours_are_whole",
            ),
        ]

    def __str__(self) -> str:
        return str(_("Alert settings"))

    def clean(self) -> None:
        super().clean()
        if (self.quiet_from is None) != (self.quiet_until is None):
            missing = "quiet_from" if self.quiet_from is None else "quiet_until"
            raise ValidationError({missing: _("Say when quiet hours begin and when they end, or neither.")})
        if self.quiet_from is not None and self.quiet_from == self.quiet_until:
            raise ValidationError({"quiet_until": _("They end at another time than they begin.")})
        targets = self.task_p95_ms
        is_whole = isinstance(targets, dict) and len(targets) <= MOST_TASKS
        if not is_whole or not all(type(value) is int and 0 < value <= LONGEST_MS for value in targets.values()):
            raise ValidationError({"task_p95_ms": _("A target is a time of up to an hour.")})
