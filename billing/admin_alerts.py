"""Alerts to look at, on the operators' pages: what was crossed, and how the telling goes. Nobody edits them."""

from __future__ import annotations

from typing import Any

from django.contrib.admin import display
from django.db.models import Exists, OuterRef, Prefetch, QuerySet
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils import formats, timezone
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import DropdownFilter

from billing import alert_messages, alerts
from billing.models import Alert, AlertDelivery, Budget, Severity
from tenants import sites
from tenants.admin import scope
from tenants.admin.badges import badge
from tenants.admin.base import PartInline, TenantScopedAdmin
from tenants.admin.filters import TenantFilter
from tenants.admin.looked_at import Unchanging

Status = AlertDelivery.Status
STATUS_COLOURS = {Status.WAITING: "warning", Status.DELIVERED: "success", Status.FAILED: "danger"}
SEVERITY_COLOURS = {Severity.INFO: "info", Severity.WARNING: "warning", Severity.CRITICAL: "danger"}
THRESHOLDS = {"100": (100, 100), "80-99": (80, 99), "50-79": (50, 79), "1-49": (1, 49)}


class BudgetFilter(DropdownFilter):  # type: ignore[misc]
    """Alerts of one budget, among those of the tenants the person may see."""

    title = _("budget")
    parameter_name = "budget"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        budgets = Budget.objects.select_related("tenant").order_by("tenant__name", "name")
        if scope.is_operator(request):
            return [(str(budget.pk), f"{budget.name} · {budget.tenant}") for budget in budgets]
        return [(str(budget.pk), budget.name) for budget in budgets]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if not self.value():
            return queryset
        is_known = self.value() in dict(self.lookup_choices)
        return queryset.filter(budget_id=self.value()) if is_known else queryset.none()


class ThresholdFilter(DropdownFilter):  # type: ignore[misc]
    title = _("threshold")
    parameter_name = "threshold"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("100", _("100 %: used up")), *((name, f"{name} %") for name in THRESHOLDS if name != "100")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        span = THRESHOLDS.get(self.value() or "")
        return queryset.filter(threshold__range=span) if span else queryset


class DeliveryFilter(DropdownFilter):  # type: ignore[misc]
    title = _("delivery")
    parameter_name = "delivery"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [*Status.choices, ("none", _("Sent to nobody"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        own = AlertDelivery.objects.filter(alert=OuterRef("pk"))
        if self.value() == "none":
            return queryset.filter(~Exists(own))
        return queryset.filter(Exists(own.filter(status=self.value()))) if self.value() else queryset


class AlertDeliveryInline(PartInline):
    """How the telling goes: one row a channel. Nobody edits it."""

    model = AlertDelivery
    fields = ["channel_name", "state", "attempts", "next_attempt", "delivered_at", "errors_shown"]
    readonly_fields = fields
    can_delete = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[AlertDelivery]:
        rows: QuerySet[AlertDelivery] = super().get_queryset(request)
        return (
            rows.select_related("channel").defer("channel__secret", "channel__former_secret").order_by("channel__name")
        )

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @display(description=_("Channel"))
    def channel_name(self, delivery: AlertDelivery) -> str:
        return delivery.channel.name

    @display(description=_("State"))
    def state(self, delivery: AlertDelivery) -> str:
        return badge(delivery.get_status_display(), STATUS_COLOURS[Status(delivery.status)])

    @display(description=_("Next attempt"))
    def next_attempt(self, delivery: AlertDelivery) -> str:
        is_waiting = delivery.status == Status.WAITING
        return formats.localize(timezone.localtime(delivery.next_attempt_at)) if is_waiting else "–"

    @display(description=_("Errors"))
    def errors_shown(self, delivery: AlertDelivery) -> str:
        return render_to_string("billing/alerts/errors.html", {"errors": delivery.errors})


@sites.register(Alert, in_console=False)
class AlertAdmin(Unchanging, TenantScopedAdmin):
    """Nobody deletes one, for it would be noted and sent again."""

    subject = "alerts"
    page_title = _("Alert")
    list_display = ["crossed", "tenant", "limit", "threshold_shown", "quantities", "per", "delivery"]
    list_display_links = ["crossed"]
    list_select_related = ["tenant"]
    list_filter = [TenantFilter, BudgetFilter, ThresholdFilter, DeliveryFilter]
    search_fields = ["name", "subject", "tenant__name"]
    search_help_text = _("Budget, subject or tenant")
    sortable_by = ["crossed"]
    ordering = ["-crossed_at", "-threshold", "-id"]
    change_form_template = "billing/alerts/alert_form.html"
    fieldsets = [
        (None, {"fields": ["message", ("tenant", "crossed"), ("limit", "budget"), ("threshold_shown", "quantities")]}),
        (_("Window"), {"fields": [("per", "window_start", "window_end")]}),
    ]
    readonly_fields = [
        "message",
        "tenant",
        "crossed",
        "limit",
        "budget",
        "threshold_shown",
        "quantities",
        "per",
        "window_start",
        "window_end",
    ]
    inlines = [AlertDeliveryInline]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Alert]:
        rows: QuerySet[Alert] = alert_messages.with_key_names(super().get_queryset(request))
        same = ("tenant", "source", "dimension", "subject", "window_start", "amount")
        higher = Alert.objects.filter(threshold__gt=OuterRef("threshold"), **{name: OuterRef(name) for name in same})
        return rows.annotate(has_higher=Exists(higher)).prefetch_related(
            Prefetch("deliveries", AlertDelivery.objects.order_by("id"))
        )

    @display(description=_("Crossed"), ordering="crossed_at")
    def crossed(self, alert: Alert) -> str:
        return f"{timezone.localtime(alert.crossed_at):%d %b %Y %H:%M:%S}"

    @display(description=_("Limit"))
    def limit(self, alert: Alert) -> str:
        subject = alert_messages.subject_name(alert)
        return format_html('<span class="tg-two">{}<small>{}</small></span>', alert.name, subject)

    @display(description=_("Threshold"))
    def threshold_shown(self, alert: Alert) -> str:
        if alert.threshold is None:
            return badge(alert.get_severity_display(), SEVERITY_COLOURS[Severity(alert.severity)])
        return badge(f"{alert.threshold} %", "danger" if alert.threshold >= alerts.EXHAUSTED else "warning")

    @display(description=_("Used then"))
    def quantities(self, alert: Alert) -> str:
        return alert_messages.quantities(alert) if alert.kind == Alert.Kind.BUDGET else "–"

    @display(description=_("Per"))
    def per(self, alert: Alert) -> str:
        return str(Budget.Window(alert.window).label) if alert.window else "–"

    @display(description=_("Message"))
    def message(self, alert: Alert) -> str:
        return alert_messages.text(alert)

    @display(description=_("Delivery"))
    def delivery(self, alert: Any) -> str:
        """The worst of its channels."""
        states = {Status(delivery.status) for delivery in alert.deliveries.all()}
        for state in (Status.FAILED, Status.WAITING, Status.DELIVERED):
            if state in states:
                return badge(state.label, STATUS_COLOURS[state])
        return str(_("see the higher one") if alert.has_higher else _("sent to nobody"))
