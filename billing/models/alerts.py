"""What people are told of, who is told, and how the telling went."""

from __future__ import annotations

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from billing.models.budgets import Budget
from billing.models.channels import AlertChannel, Severity
from tenants.ids import uuid7
from tenants.models import TenantOwned


class Alert(TenantOwned):
    """Something a tenant's people are told of, once.

    About a budget it is a threshold crossed: written in the transaction of the ledger rows that crossed it (`billing.alerts`), and never
    changed. `source` is then a budget's id or names a limit of the plan or of a key, such as "plan:usd_per_month"; a raised amount makes
    a new crossing; `used` and `amount` are requests, tokens or USD; and it is over when its window is.

    Of any other kind it is an episode (`billing.episodes`): `source` and `subject` say of what, `name` and `text` say it in words, and it
    goes on until `resolved_at`. `view` is where in the console one sees why. There is at most one under way of the same thing.
    """

    class Kind(models.TextChoices):
        BUDGET = "budget", _("Budget")
        CHANNEL = "channel", _("Alert channel")
        LATENCY = "latency", _("Slow answers")
        ERRORS = "errors", _("Errors")
        HIT_RATE = "hit_rate", _("Cache hit rate")
        QUALITY = "quality", _("Quality")
        BREAKER = "breaker", _("Circuit breaker")
        SPEND = "spend", _("Spending")
        CACHE = "cache", _("Semantic cache")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    kind = models.CharField(_("kind"), max_length=20, choices=Kind.choices, default=Kind.BUDGET)
    severity = models.CharField(_("severity"), max_length=10, choices=Severity.choices, default=Severity.WARNING)
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
    text = models.TextField(_("message"), blank=True)
    data = models.JSONField(default=dict)
    dimension = models.CharField(max_length=10, blank=True)
    subject = models.CharField(_("of"), max_length=200, blank=True)
    metric = models.CharField(_("metric"), max_length=10, blank=True)
    window = models.CharField(_("per"), max_length=10, blank=True)
    window_start = models.DateTimeField(_("window from"), null=True)
    window_end = models.DateTimeField(_("window until"), null=True)
    threshold = models.PositiveSmallIntegerField(_("threshold (%)"), null=True)
    amount = models.DecimalField(_("amount"), max_digits=28, decimal_places=9, null=True)
    used = models.DecimalField(_("used"), max_digits=28, decimal_places=9, null=True)
    view = models.CharField(max_length=500, blank=True)
    crossed_at = models.DateTimeField(_("since"), default=timezone.now)
    worse_at = models.DateTimeField(_("worse since"), null=True)
    resolved_at = models.DateTimeField(_("over since"), null=True)

    class Meta:
        ordering = ["-crossed_at"]
        verbose_name = _("alert")
        verbose_name_plural = _("alerts")
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "source", "dimension", "subject", "window_start", "threshold", "amount"],
                name="alert_once_per_crossing",
            ),
            models.UniqueConstraint(
                fields=["tenant", "kind", "source", "subject"],
                condition=Q(resolved_at=None) & ~Q(kind="budget"),
                name="alert_one_episode_at_a_time",
            ),
            models.CheckConstraint(
                condition=~Q(kind="budget")
                | Q(window_start__isnull=False, threshold__isnull=False, amount__isnull=False, used__isnull=False),
                name="alert_of_a_budget_is_whole",
            ),
        ]
        indexes = [models.Index(fields=["tenant", "-crossed_at"])]

    def __str__(self) -> str:
        return f"{self.name}: {self.threshold} %" if self.kind == self.Kind.BUDGET else self.name


class AlertDelivery(TenantOwned):
    """A notice of an alert on its way to one channel: the outbox. Written with the alert; tried until it is delivered or given up."""

    class Status(models.TextChoices):
        WAITING = "waiting", _("Waiting")
        DELIVERED = "delivered", _("Delivered")
        FAILED = "failed", _("Given up")

    class Notice(models.TextChoices):
        RAISED = "raised", _("Begun")
        WORSE = "worse", _("Got worse")
        RESOLVED = "resolved", _("Over")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    alert = models.ForeignKey(Alert, on_delete=models.CASCADE, related_name="deliveries", verbose_name=_("alert"))
    channel = models.ForeignKey(
        AlertChannel, on_delete=models.CASCADE, related_name="deliveries", verbose_name=_("channel")
    )
    notice = models.CharField(_("notice"), max_length=10, choices=Notice.choices, default=Notice.RAISED)
    status = models.CharField(_("status"), max_length=10, choices=Status.choices, default=Status.WAITING)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    next_attempt_at = models.DateTimeField(_("next attempt"), default=timezone.now)
    delivered_at = models.DateTimeField(_("delivered"), null=True)
    errors = ArrayField(models.CharField(max_length=300), default=list, verbose_name=_("errors"))

    class Meta:
        ordering = ["-next_attempt_at"]
        verbose_name = _("alert delivery")
        verbose_name_plural = _("alert deliveries")
        constraints = [
            models.UniqueConstraint(fields=["alert", "channel", "notice"], name="alert_delivery_once_per_notice")
        ]
        indexes = [
            models.Index(
                fields=["next_attempt_at"], condition=models.Q(status="waiting"), name="alert_delivery_waiting"
            )
        ]

    def __str__(self) -> str:
        return f"{self.alert} → {self.channel}"


class AlertsSeen(TenantOwned):
    """Up to when a person has looked at the tenant's alerts."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    seen_at = models.DateTimeField()

    class Meta:
        verbose_name = _("alerts seen")
        verbose_name_plural = _("alerts seen")
        constraints = [models.UniqueConstraint(fields=["tenant", "user"], name="alerts_seen_once_per_person")]

    def __str__(self) -> str:
        return f"{self.user}: {self.seen_at}"
