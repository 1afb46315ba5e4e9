"""How right the semantic cache of each task is: what is checked, what came of it, and switching a cache on again."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin import display
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import BooleanRadioFilter, ChoicesDropdownFilter

from gateway.admin.estimates import EstimatePaginator
from gateway.admin.quality import LookedAtAdmin
from gateway.models import SemanticCheck, SemanticWatch
from gateway.semantic import watch
from tenants import sites
from tenants.admin.badges import badge
from tenants.admin.base import TenantScopedAdmin
from tenants.admin.filters import TenantFilter


@sites.register(SemanticWatch)
class SemanticWatchAdmin(TenantScopedAdmin):
    subject = "caches"
    deletion_hint = _("Its checks stay; the cache goes on as a new one would.")
    list_display = ["of_task", "tenant", "state", "hits_counted", "false_hits", "threshold_shown"]
    list_display_links = ["of_task"]
    list_filter = [TenantFilter, ("is_off", BooleanRadioFilter)]
    search_fields = ["task", "tenant__name"]
    search_help_text = _("Task")
    autocomplete_fields = ["tenant"]
    actions = ["switch_on"]
    readonly_fields = ["state", "why", "false_hits", "hits_counted", "threshold_shown", "since", "changed_at"]
    fieldsets = [
        (None, {"fields": ["tenant", "task"]}),
        (_("What is checked"), {"fields": ["check_percent", "judge", "usd_per_day"]}),
        (
            _("What came of it"),
            {"fields": ["state", "why", "false_hits", "hits_counted", "threshold_shown", "since", "changed_at"]},
        ),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[SemanticWatch]:
        rows: QuerySet[SemanticWatch] = super().get_queryset(request)
        return watch.with_figures(rows.select_related("tenant"))

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """What is counted is counted by task, so that stays."""
        return [*super().get_readonly_fields(request, obj), *(["task"] if obj is not None else [])]

    @display(description=_("Task"), ordering="task")
    def of_task(self, row: SemanticWatch) -> Any:
        return row.task or _("(models by name)")

    @display(description=_("State"), ordering="is_off")
    def state(self, row: SemanticWatch) -> str:
        return badge(_("Switched itself off"), "danger") if row.is_off else badge(_("On"), "success")

    @display(description=_("Hits"))
    def hits_counted(self, row: SemanticWatch) -> int:
        return watch.figures(row).hits if row.pk else 0

    @display(description=_("False hits"))
    def false_hits(self, row: SemanticWatch) -> Any:
        figures = watch.figures(row) if not row._state.adding else None
        if figures is None or figures.share is None:
            return _("Nothing checked yet")
        low, high = figures.interval
        return _("%(share).1f %% (%(low).1f–%(high).1f %%), %(wrong)d of %(checked)d checked") % {
            "share": figures.share * 100,
            "low": low * 100,
            "high": high * 100,
            "wrong": figures.wrong,
            "checked": figures.checked,
        }

    @display(description=_("Asked for besides"))
    def threshold_shown(self, row: SemanticWatch) -> Any:
        if row.threshold is None:
            return "–"
        return f"{row.get_measure_display()} ≥ {row.threshold:.3f}"

    @admin.action(description=_("Switch the selected caches on again"), permissions=["change"])
    def switch_on(self, request: HttpRequest, queryset: QuerySet[SemanticWatch]) -> None:
        rows = [row for row in queryset if row.is_off and self.has_change_permission(request, row)]
        for row in rows:
            watch.switch_on(row)
        names = ", ".join(str(row) for row in rows)
        self.message_user(request, _("Switched on: %(names)s") % {"names": names or "—"}, messages.SUCCESS)


@sites.register(SemanticCheck)
class SemanticCheckAdmin(LookedAtAdmin):
    subject = "cache_checks"
    fixed_tenant_field = "tenant"
    paginator = EstimatePaginator
    show_full_result_count = False
    list_display = ["shown_id", "tenant", "task", "result", "how", "similarity_shown", "score_shown", "hit_at"]
    list_display_links = ["shown_id"]
    list_filter = [TenantFilter, ("status", ChoicesDropdownFilter)]
    search_fields = ["task"]
    search_help_text = _("Task")
    fieldsets = [
        (None, {"fields": ["tenant", "task", "request_id", "result", "how", "similarity_shown", "score_shown"]}),
        (_("Record"), {"fields": ["origin", "cost", "hit_at", "checked_at"]}),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[SemanticCheck]:
        rows: QuerySet[SemanticCheck] = super().get_queryset(request)
        return rows.select_related("tenant").defer("sealed")

    @display(description=_("Request"), ordering="request_id")
    def shown_id(self, check: SemanticCheck) -> str:
        return f"req_{check.request_id.hex}"

    @display(description=_("Result"), ordering="status")
    def result(self, check: SemanticCheck) -> str:
        colours = {"right": "success", "wrong": "danger", "unclear": "warning"}
        return badge(check.get_status_display(), colours.get(check.status, "info"))

    @display(description=_("Similarity"), ordering="similarity")
    def similarity_shown(self, check: SemanticCheck) -> str:
        return f"{check.similarity:.3f}"

    @display(description=_("Verifier's score"), ordering="score")
    def score_shown(self, check: SemanticCheck) -> str:
        return "–" if check.score is None else f"{check.score:.3f}"

    @display(description=_("Cost (USD)"))
    def cost(self, check: SemanticCheck) -> str:
        return f"{check.cost_nanousd / 1_000_000_000:.6f}"
