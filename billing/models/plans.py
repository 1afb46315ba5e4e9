"""What a tenant is promised: plans and the tenants' subscriptions to them."""

from __future__ import annotations

from typing import Any

from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from tenants.ids import uuid7
from tenants.models import ConfigModel, TenantOwned


def _limit(label: Any, help_text: Any) -> models.PositiveBigIntegerField[Any, Any]:
    return models.PositiveBigIntegerField(
        label, null=True, blank=True, validators=[MinValueValidator(1)], help_text=help_text
    )


class Plan(ConfigModel):
    """A set of limits that tenants subscribe to. An empty limit does not limit."""

    class StoreDown(models.TextChoices):
        REFUSE = "refuse", _("Refuse (503) until it is back")
        ALLOWANCE = "allowance", _("Serve under a bounded local allowance")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(_("name"), max_length=80)
    slug = models.SlugField(_("slug"), max_length=40, unique=True)
    description = models.TextField(_("description"), blank=True)
    price_usd_per_month = models.DecimalField(
        _("price (USD per month)"),
        max_digits=10,
        decimal_places=2,
        default=0,
        validators=[MinValueValidator(0)],
        help_text=_("What the tenant pays for the plan itself."),
    )
    max_input_tokens = _limit(_("input tokens per request"), _("Most input tokens of one request, e.g. 4096."))
    max_output_tokens = _limit(_("output tokens per request"), _("Most output tokens of one request, e.g. 1024."))
    max_request_usd = models.DecimalField(
        _("USD per request"),
        max_digits=12,
        decimal_places=6,
        null=True,
        blank=True,
        validators=[MinValueValidator(0)],
        help_text=_("Most that one request may cost at its upper bound."),
    )
    tokens_per_month = _limit(_("tokens per month"), _("Input and output tokens of the tenant in a calendar month."))
    usd_per_month = models.DecimalField(
        _("USD per month"),
        max_digits=14,
        decimal_places=4,
        null=True,
        blank=True,
        validators=[MinValueValidator(0)],
        help_text=_("Provider cost of the tenant in a calendar month."),
    )
    requests_per_minute = _limit(_("requests per minute"), _("Of the whole tenant, in any 60 seconds."))
    tokens_per_minute = _limit(_("tokens per minute"), _("Of the whole tenant, in any 60 seconds."))
    max_concurrency = _limit(_("concurrent requests"), _("Of the whole tenant, under way at once."))
    when_store_is_down = models.CharField(
        _("when Redis is down"),
        max_length=10,
        choices=StoreDown.choices,
        default=StoreDown.REFUSE,
        help_text=_("Limits cannot be checked without Redis: refuse, or go on under a small allowance per process."),
    )
    allowance_requests = models.PositiveIntegerField(
        _("allowance: requests"),
        default=100,
        help_text=_("Most requests of the tenant that each gateway process serves while Redis is down."),
    )
    allowance_usd = models.DecimalField(
        _("allowance: USD"),
        max_digits=10,
        decimal_places=4,
        default=1,
        validators=[MinValueValidator(0)],
        help_text=_("Most that each gateway process spends for the tenant while Redis is down."),
    )
    is_active = models.BooleanField(
        _("offered"), default=True, help_text=_("Offered to new tenants. Present subscriptions go on.")
    )

    changed_at = models.DateTimeField(auto_now=True, editable=False)

    class Meta:
        ordering = ["price_usd_per_month", "name"]
        verbose_name = _("plan")
        verbose_name_plural = _("plans")

    def __str__(self) -> str:
        return self.name


class PlanTier(ConfigModel):
    """What a plan allows each end user of one tier in a day."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    plan = models.ForeignKey(Plan, on_delete=models.CASCADE, related_name="tiers", verbose_name=_("plan"))
    tier = models.SlugField(_("tier"), max_length=40, help_text=_("As on the end user, such as free or paid."))
    tokens_per_day = _limit(_("tokens per day"), _("Of each end user, in a calendar day of the tenant, e.g. 50000."))
    requests_per_minute = _limit(_("requests per minute"), _("Of each end user, in any 60 seconds."))
    tokens_per_minute = _limit(_("tokens per minute"), _("Of each end user, in any 60 seconds."))
    max_concurrency = _limit(_("concurrent requests"), _("Of each end user, under way at once."))

    changed_at = models.DateTimeField(auto_now=True, editable=False)

    class Meta:
        ordering = ["plan", "tier"]
        verbose_name = _("end-user tier")
        verbose_name_plural = _("end-user tiers")
        constraints = [models.UniqueConstraint(fields=["plan", "tier"], name="plan_tier_once")]

    def __str__(self) -> str:
        return f"{self.plan} · {self.tier}"

    def part_of_id(self) -> Any:
        return self.plan_id


class Subscription(TenantOwned, ConfigModel):
    """A tenant's time on a plan. At most one is open."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    plan = models.ForeignKey(Plan, on_delete=models.PROTECT, related_name="subscriptions", verbose_name=_("plan"))
    started_at = models.DateTimeField(_("from"))
    ended_at = models.DateTimeField(_("until"), null=True, blank=True, help_text=_("Empty: open."))

    changed_at = models.DateTimeField(auto_now=True, editable=False)

    class Meta:
        ordering = ["tenant", "-started_at"]
        verbose_name = _("subscription")
        verbose_name_plural = _("subscriptions")
        constraints = [
            models.UniqueConstraint(
                fields=["tenant"],
                condition=Q(ended_at=None),
                name="subscription_one_open_per_tenant",
                violation_error_message=_("This tenant has an open subscription already. End that one first."),
            ),
            models.CheckConstraint(
                condition=Q(ended_at=None) | Q(ended_at__gt=models.F("started_at")),
                name="subscription_ends_after_start",
                violation_error_message=_("A subscription must end after it starts."),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.tenant}: {self.plan}"
