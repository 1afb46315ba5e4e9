"""Plans with their end-user tiers, and which tenant is on which plan."""

from __future__ import annotations

from typing import Any

from django.contrib.admin import display
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import BooleanRadioFilter, DropdownFilter

from billing import admin_alerts as admin_alerts  # registers its pages
from billing import admin_budgets as admin_budgets  # registers its pages
from billing import admin_channels as admin_channels  # registers its pages
from billing.models import Plan, PlanTier, Subscription
from tenants import sites
from tenants.admin import scope
from tenants.admin.badges import badge
from tenants.admin.base import HouseAdmin, PartInline, TenantScopedAdmin
from tenants.admin.filters import TenantFilter


class PlanTierInline(PartInline):
    model = PlanTier
    fields = ["tier", "tokens_per_day", "requests_per_minute", "tokens_per_minute", "max_concurrency"]


@sites.register(Plan, in_console=False)
class PlanAdmin(HouseAdmin):
    deletion_hint = _(
        "A plan that tenants are or were on stays, so that it is known what they were promised. "
        "Switch “offered” off instead, or move them to another plan first."
    )
    list_display = ["name", "price", "tokens_per_month", "usd_per_month", "requests_per_minute", "tenants", "is_active"]
    list_filter = [("is_active", BooleanRadioFilter)]
    search_fields = ["name", "slug"]
    search_help_text = _("Name or slug")
    prepopulated_fields = {"slug": ["name"]}
    inlines = [PlanTierInline]
    fieldsets = [
        (None, {"fields": ["name", "slug", "description", "price_usd_per_month", "is_active"]}),
        (
            _("Limits of one request"),
            {
                "fields": ["max_input_tokens", "max_output_tokens", "max_request_usd"],
                "description": _("An empty limit does not limit."),
            },
        ),
        (_("Limits of the tenant in a calendar month"), {"fields": ["tokens_per_month", "usd_per_month"]}),
        (
            _("Limits of the tenant at any moment"),
            {"fields": ["requests_per_minute", "tokens_per_minute", "max_concurrency"]},
        ),
        (_("When Redis is down"), {"fields": ["when_store_is_down", "allowance_requests", "allowance_usd"]}),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Plan]:
        plans: QuerySet[Plan] = super().get_queryset(request)
        return plans.annotate(open_subscriptions=Count("subscriptions", filter=Q(subscriptions__ended_at=None)))

    @display(description=_("Price"), ordering="price_usd_per_month")
    def price(self, plan: Plan) -> str:
        return f"${plan.price_usd_per_month:,.2f} / month"

    @display(description=_("Tenants"), ordering="open_subscriptions")
    def tenants(self, plan: Any) -> int:
        return int(plan.open_subscriptions)

    def get_prepopulated_fields(self, request: HttpRequest, obj: Plan | None = None) -> dict[str, Any]:
        return {} if obj is not None else dict(super().get_prepopulated_fields(request, obj))


class OpenFilter(DropdownFilter):
    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("open", _("Open")), ("ended", _("Ended"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(ended_at__isnull=self.value() == "open") if self.value() else queryset


class PlanFilter(DropdownFilter):
    title = _("plan")
    parameter_name = "plan"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        if not scope.is_operator(request):
            return []
        return [(str(pk), name) for pk, name in Plan.objects.values_list("pk", "name")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(plan_id=self.value()) if self.value() else queryset


@sites.register(Subscription, in_console=False)
class SubscriptionAdmin(TenantScopedAdmin):
    subject = "subscription"
    in_console = {"autocomplete_fields": ["tenant"]}
    list_display = ["tenant", "plan", "started_at", "ended_at", "state"]
    list_select_related = ["tenant", "plan"]
    list_filter = [TenantFilter, PlanFilter, OpenFilter]
    search_fields = ["tenant__name", "plan__name"]
    search_help_text = _("Tenant or plan")
    autocomplete_fields = ["tenant", "plan"]
    fieldsets = [
        (
            None,
            {
                "fields": ["tenant", "plan", "started_at", "ended_at"],
                "description": _("To move a tenant to another plan, end the open subscription, then add the next one."),
            },
        )
    ]

    @display(description=_("State"), ordering="ended_at")
    def state(self, subscription: Subscription) -> str:
        return badge(_("Open"), "success") if subscription.ended_at is None else badge(_("Ended"))
