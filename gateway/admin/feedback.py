"""What people said of answers, to look at only: votes are the voters'."""

from __future__ import annotations

from typing import Any

from django.contrib.admin import display
from django.core.exceptions import ObjectDoesNotExist
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import ChoicesDropdownFilter, DropdownFilter, RangeDateTimeFilter

from gateway.admin import request_search
from gateway.admin.estimates import EstimatePaginator
from gateway.admin.quality import LookedAtAdmin
from gateway.models import Feedback
from gateway.quality.feedback import REASONS
from tenants import sites
from tenants.admin.filters import TenantFilter

BEGINNING = 140


def thumb(vote: Feedback) -> str:
    return render_to_string(
        "admin/gateway/feedback/thumb.html", {"is_up": vote.is_up, "label": vote.get_rating_display()}
    )


def reasons_in_words(vote: Feedback) -> str:
    return ", ".join(str(REASONS.get(reason, reason)) for reason in vote.reasons)


def who(vote: Feedback) -> str:
    """The voter, for people: an end user, somebody in the playground, an application by its key, or nobody knows."""
    if vote.end_user:
        return vote.end_user
    if vote.api_key_id is None:
        return str(_("the answer's reader"))
    try:
        return str(_("key %(name)s") % {"name": vote.api_key.name}) if vote.api_key else ""
    except ObjectDoesNotExist:
        return str(_("deleted key"))


class ReasonFilter(DropdownFilter):
    title = _("reason")
    parameter_name = "reason"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return list(REASONS.items())

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(reasons__contains=[self.value()]) if self.value() else queryset


class ModelFilter(request_search.ModelServedFilter):
    """By the model that answered."""

    column = "model"


@sites.register(Feedback)
class FeedbackAdmin(LookedAtAdmin):
    subject = "feedback"
    fixed_tenant_field = "tenant"
    paginator = EstimatePaginator
    show_full_result_count = False
    list_display = ["said", "comment_beginning", "tenant", "answer", "voter_shown", "changed_at"]
    list_display_links = ["said"]
    list_filter = [
        TenantFilter,
        ("rating", ChoicesDropdownFilter),
        ReasonFilter,
        ModelFilter,
        ("source", ChoicesDropdownFilter),
        ("changed_at", RangeDateTimeFilter),
    ]
    list_filter_submit = True
    search_fields = ["request_id"]  # the box; `get_search_results` decides
    search_help_text = _("req_… id, end user, or words of the comment")
    ordering = ["-changed_at", "-id"]
    sortable_by = ["changed_at"]
    fieldsets = [
        (
            None,
            {
                "fields": [
                    ("thumb_shown", "reasons_shown"),
                    "comment",
                    ("voter_shown", "source"),
                    ("created_at", "changed_at"),
                    "tenant",
                ]
            },
        ),
        (_("The answer"), {"fields": ["request_shown", ("task", "model"), "asked_at", "cache"]}),
    ]

    def get_readonly_fields(self, request: HttpRequest, obj: Feedback | None = None) -> list[str]:
        return [
            "thumb_shown",
            "reasons_shown",
            "voter_shown",
            "request_shown",
            *super().get_readonly_fields(request, obj),
        ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Feedback]:
        """Those that count, with the names of keys, which may be gone."""
        rows: QuerySet[Feedback] = super().get_queryset(request)
        return rows.filter(matched_at__isnull=False).select_related("tenant").prefetch_related("api_key")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Feedback], search_term: str
    ) -> tuple[QuerySet[Feedback], bool]:
        text = search_term.strip()
        request_id = request_search.parse_id(text)
        if request_id is not None:
            return queryset.filter(request_id=request_id), False
        return (queryset.filter(end_user=text) | queryset.filter(comment__icontains=text) if text else queryset), False

    @display(description=_("Rating"), ordering="rating")
    def said(self, vote: Feedback) -> str:
        return format_html('<span class="tg-two">{}<small>{}</small></span>', thumb(vote), reasons_in_words(vote))

    @display(description=_("Rating"))
    def thumb_shown(self, vote: Feedback) -> str:
        return thumb(vote)

    @display(description=_("Comment"))
    def comment_beginning(self, vote: Feedback) -> str:
        return vote.comment if len(vote.comment) <= BEGINNING else f"{vote.comment[: BEGINNING - 1]}…"

    @display(description=_("Reasons"))
    def reasons_shown(self, vote: Feedback) -> str:
        return reasons_in_words(vote)

    @display(description=_("Answered by"))
    def answer(self, vote: Feedback) -> str:
        return format_html('<span class="tg-two">{}<small>{}</small></span>', vote.model, vote.task or vote.provider)

    @display(description=_("Voter"))
    def voter_shown(self, vote: Feedback) -> str:
        return who(vote)

    @display(description=_("Request"))
    def request_shown(self, vote: Feedback) -> str:
        address = reverse("admin:gateway_requestlog_change", args=[vote.request_id])
        return format_html('<a class="text-link tg-mono tg-value" href="{}">{}</a>', address, str(vote))
