"""What the tenant is subscribed to, to read: the plan with its limits, now and before. How much of it is used is among `limits`."""

from __future__ import annotations

from typing import Any

from django.db.models import Q
from django.utils import timezone
from rest_framework import serializers

from billing.models import Plan, PlanTier, Subscription
from tenants.management_api.fields import Filters, Row
from tenants.management_api.views import Reads


class TierRow(Row):
    """What each end user of the tier may use. Null does not limit."""

    class Meta:
        model = PlanTier
        fields = ["tier", "tokens_per_day", "requests_per_minute", "tokens_per_minute", "max_concurrency"]


class OwnPlanRow(Row):
    tiers = TierRow(many=True)

    class Meta:
        model = Plan
        exclude = ["id", "is_active", "changed_at"]


class SubscriptionRow(Row):
    plan = OwnPlanRow()
    is_present = serializers.SerializerMethodField(help_text="It is in force now.")

    class Meta:
        model = Subscription
        fields = ["id", "plan", "started_at", "ended_at", "is_present"]

    def get_is_present(self, row: Subscription) -> bool:
        now = timezone.now()
        return row.started_at <= now and (row.ended_at is None or row.ended_at > now)


class SubscriptionFilters(Filters):
    is_present = serializers.BooleanField(required=False)


class Subscriptions(Reads):
    subject = "subscription"
    model = Subscription
    serializer_class = SubscriptionRow
    filters = SubscriptionFilters
    ordering = ("-started_at", "-id")

    def rows(self) -> Any:
        return super().rows().select_related("plan").prefetch_related("plan__tiers")

    def filtered(self, rows: Any, told: dict[str, Any]) -> Any:
        if "is_present" not in told:
            return rows
        now = timezone.now()
        present = Q(started_at__lte=now) & (Q(ended_at=None) | Q(ended_at__gt=now))
        return rows.filter(present) if told["is_present"] else rows.exclude(present)
