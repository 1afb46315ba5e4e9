"""Budgets that a tenant sets freely, and raises of them for a time."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from tenants.ids import uuid7
from tenants.models import ApiKey, ConfigModel, TenantOwned

# Redis computes in doubles, which are exact up to 2^53: nine million USD in nano-dollars.
LARGEST_USD = 9_000_000
LARGEST_COUNT = 2**53 - 1


def _percent(label: Any, help_text: Any) -> models.PositiveSmallIntegerField[Any, Any]:
    return models.PositiveSmallIntegerField(
        label, null=True, blank=True, validators=[MinValueValidator(1), MaxValueValidator(99)], help_text=help_text
    )


def default_thresholds() -> list[int]:
    return [80]


class Budget(TenantOwned, ConfigModel):
    """So much of something in a window, by someone. At 100 % requests are refused, always.

    Without a subject the budget holds for each key, end user, task, model or tag by itself; with one, for that one alone. For the scopes
    tenant and tier it is one amount for all together. `amount` is requests, tokens (input and output) or USD.
    """

    class Scope(models.TextChoices):
        TENANT = "tenant", _("Whole tenant")
        KEY = "key", _("API key")
        END_USER = "end_user", _("End user")
        TIER = "tier", _("End-user tier")
        TASK = "task", _("Task")
        MODEL = "model", _("Model")
        TAG = "tag", _("Tag")

    class Metric(models.TextChoices):
        REQUESTS = "requests", _("Requests")
        TOKENS = "tokens", _("Tokens")
        USD = "usd", _("USD")

    class Window(models.TextChoices):
        MINUTE = "minute", _("minute")
        HOUR = "hour", _("hour")
        DAY = "day", _("day")
        WEEK = "week", _("week")
        MONTH = "month", _("month")
        TOTAL = "total", _("total")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(_("name"), max_length=80, help_text=_("As refusals and alerts call it."))
    scope = models.CharField(_("scope"), max_length=10, choices=Scope.choices, default=Scope.TENANT)
    api_key = models.ForeignKey(
        ApiKey,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="budgets",
        verbose_name=_("API key"),
        help_text=_("For the scope “API key”. Empty: each key by itself."),
    )
    subject = models.CharField(
        _("subject"),
        max_length=200,
        blank=True,
        help_text=_("Which end user, tier, task, model or tag. Empty: each by itself (a tier must be named)."),
    )
    metric = models.CharField(_("metric"), max_length=10, choices=Metric.choices, default=Metric.USD)
    window = models.CharField(
        _("per"),
        max_length=10,
        choices=Window.choices,
        default=Window.MONTH,
        help_text=_("Calendar minutes, hours, days, weeks (from Monday) and months in the tenant's time zone."),
    )
    amount = models.DecimalField(
        _("amount"),
        max_digits=22,
        decimal_places=6,
        validators=[MinValueValidator(0)],
        help_text=_("Requests, tokens or USD. 0 lets nothing through."),
    )
    thresholds = ArrayField(
        models.PositiveSmallIntegerField(validators=[MinValueValidator(1), MaxValueValidator(99)]),
        default=default_thresholds,
        blank=True,
        verbose_name=_("alert at (%)"),
        help_text=_("Percentages of the amount, comma separated. 100 % always alerts."),
    )
    cheaper_at = _percent(_("cheaper model from (%)"), _("From this share on, use a cheaper model. Empty: never."))
    cheaper_model = models.CharField(
        _("cheaper model"),
        max_length=120,
        blank=True,
        help_text=_("Its name in the catalog. Empty: the cheapest that the route offers."),
    )
    cached_only_at = _percent(
        _("cached answers only from (%)"), _("From this share on, only cached answers are given. Empty: never.")
    )
    channel_ids = ArrayField(
        models.UUIDField(),
        null=True,
        blank=True,
        verbose_name=_("alert channels"),
        help_text=_("Who is told: these channels. Empty: all of them."),
    )
    is_active = models.BooleanField(_("active"), default=True, help_text=_("Switched off, it limits nothing."))
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    changed_at = models.DateTimeField(auto_now=True, editable=False)

    class Meta:
        ordering = ["tenant", "name"]
        verbose_name = _("budget")
        verbose_name_plural = _("budgets")
        constraints = [models.UniqueConstraint(fields=["tenant", "name"], name="budget_name_once_per_tenant")]

    def __str__(self) -> str:
        return self.name

    @property
    def counted_subject(self) -> str:
        """The one subject this budget is for; empty: each, or there is only one."""
        if self.scope == self.Scope.KEY:
            return str(self.api_key_id) if self.api_key_id else ""
        return self.subject

    def clean(self) -> None:
        super().clean()
        errors: dict[str, Any] = {}
        if self.scope != self.Scope.KEY and self.api_key_id:
            errors["api_key"] = _("Only for the scope “API key”.")
        elif self.api_key is not None and self.tenant_id and self.api_key.tenant_id != self.tenant_id:
            errors["api_key"] = _("This key does not belong to the budget's tenant.")
        if self.scope in (self.Scope.KEY, self.Scope.TENANT) and self.subject:
            errors["subject"] = _("Not for this scope; leave it empty.")
        if self.scope == self.Scope.TIER and not self.subject:
            errors["subject"] = _("Name the tier, such as free.")
        if self.amount is not None:
            if self.metric == self.Metric.USD and self.amount > LARGEST_USD:
                errors["amount"] = _("At most 9,000,000 USD.")
            elif self.metric != self.Metric.USD and (self.amount != int(self.amount) or self.amount > LARGEST_COUNT):
                errors["amount"] = _("A whole number, please.")
        if self.cheaper_model and self.cheaper_at is None:
            errors["cheaper_at"] = _("Say from which share on the cheaper model is used.")
        if self.cheaper_at and self.cached_only_at and self.cached_only_at <= self.cheaper_at:
            errors["cached_only_at"] = _("Must be above the share at which the cheaper model begins.")
        if errors:
            raise ValidationError(errors)


class BudgetRaise(TenantOwned, ConfigModel):
    """A higher amount for a time. The highest amount in force counts."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    budget = models.ForeignKey(Budget, on_delete=models.CASCADE, related_name="raises", verbose_name=_("budget"))
    amount = models.DecimalField(
        _("raised to"),
        max_digits=22,
        decimal_places=6,
        validators=[MinValueValidator(0)],
        help_text=_("The whole amount."),
    )
    starts_at = models.DateTimeField(_("from"), default=timezone.now)
    ends_at = models.DateTimeField(_("until"))
    reason = models.CharField(_("reason"), max_length=200)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        editable=False,
        related_name="+",
        verbose_name=_("by"),
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        ordering = ["-starts_at"]
        verbose_name = _("temporary raise")
        verbose_name_plural = _("temporary raises")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(ends_at__gt=models.F("starts_at")),
                name="budget_raise_ends_after_start",
                violation_error_message=_("A raise must end after it begins."),
            )
        ]

    def __str__(self) -> str:
        return f"{self.budget}: {self.amount:f}"

    def part_of_id(self) -> Any:
        return self.budget_id

    def clean(self) -> None:
        super().clean()
        if self.budget_id and self.amount is not None and self.budget.amount is not None:
            self.check_amount(self.amount)

    def check_amount(self, amount: Decimal) -> None:
        """Raises `ValidationError` unless the budget, which may be one that is being made, can be raised to that."""
        is_usd = self.budget.metric == Budget.Metric.USD
        if not is_usd and (amount != int(amount) or amount > LARGEST_COUNT):
            raise ValidationError({"amount": _("A whole number, please.")})
        if amount <= self.budget.amount:
            raise ValidationError({"amount": _("Must be above the budget's own amount.")})
        if is_usd and amount > LARGEST_USD:
            raise ValidationError({"amount": _("At most 9,000,000 USD.")})

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.tenant_id = self.budget.tenant_id
        super().save(*args, **kwargs)
