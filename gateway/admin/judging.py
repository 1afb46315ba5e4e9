"""Judges for operators, and for everybody what was judged and what was measured, to look at. A console sets judges on a page of its own."""

from __future__ import annotations

from typing import Any

from django.contrib.admin import display
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import BooleanRadioFilter, ChoicesDropdownFilter

from gateway.admin.estimates import EstimatePaginator
from gateway.admin.quality import LookedAtAdmin
from gateway.models import JudgeBudget, Judgement, JudgePolicy, MeasuredQuality
from tenants import sites
from tenants.admin.base import TenantScopedAdmin
from tenants.admin.filters import TenantFilter

ID_END = 10  # characters of a request's id that the list shows


@sites.register(JudgePolicy, in_console=False)
class JudgePolicyAdmin(TenantScopedAdmin):
    subject = "judges"
    deletion_hint = _("Its scores stay.")
    list_display = ["of_task", "tenant", "is_active", "share_percent", "judge"]
    list_display_links = ["of_task"]
    list_filter = [TenantFilter, ("is_active", BooleanRadioFilter)]
    search_fields = ["task", "judge", "tenant__name"]
    search_help_text = _("Task, judge or tenant")
    autocomplete_fields = ["tenant"]
    fields = ["tenant", "task", "is_active", "share_percent", "judge", "rubric", "teaches"]

    @display(description=_("Task"), ordering="task")
    def of_task(self, row: JudgePolicy) -> Any:
        return row.task or _("(models by name)")


@sites.register(JudgeBudget, in_console=False)
class JudgeBudgetAdmin(TenantScopedAdmin):
    subject = "judges"
    deletion_hint = _("The usual amounts hold again.")
    list_display = ["tenant", "usd_per_day", "usd_per_month"]
    autocomplete_fields = ["tenant"]
    fields = ["tenant", "usd_per_day", "usd_per_month"]


@sites.register(Judgement)
class JudgementAdmin(LookedAtAdmin):
    subject = "judgements"
    empty_hint = _("Have a sample of answers judged, under Judges.")
    paginator = EstimatePaginator
    show_full_result_count = False
    list_display = ["of_request", "tenant", "task", "model", "score", "status", "judge", "is_self", "answered_at"]
    list_filter = [
        TenantFilter,
        ("status", ChoicesDropdownFilter),
        ("is_good", BooleanRadioFilter),
        ("is_self", BooleanRadioFilter),
    ]
    search_fields = ["task", "model"]
    search_help_text = _("Task or model")
    fields = [
        "tenant", "request_id", "task", "model", "provider", "tags", "status", "score", "is_good", "faults", "judge",
        "is_self", "why", "answer_characters", "answered_at", "judged_at",
    ]  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[Judgement]:
        rows: QuerySet[Judgement] = super().get_queryset(request)
        return rows.select_related("tenant").defer("sealed")

    @display(description=_("Request"), ordering="request_id")
    def of_request(self, row: Judgement) -> str:
        return format_html('<span class="tg-mono" title="{}">…{}</span>', str(row), row.request_id.hex[-ID_END:])


@sites.register(MeasuredQuality)
class MeasuredQualityAdmin(LookedAtAdmin):
    subject = "judgements"
    empty_hint = _("Models are measured once enough of their answers were judged or rated.")
    list_display = ["model", "tenant", "task", "quality", "source", "answers", "measured_at"]
    list_filter = [TenantFilter, ("source", ChoicesDropdownFilter)]
    search_fields = ["task", "model"]
    search_help_text = _("Task or model")
    fields = ["tenant", "task", "model", "quality", "source", "answers", "measured_at"]
