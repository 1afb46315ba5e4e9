"""The request log, to look at only."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import UUID

from django.contrib.admin import display
from django.core.exceptions import ObjectDoesNotExist
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import BooleanRadioFilter, ChoicesDropdownFilter, RangeDateTimeFilter

from gateway import selectors
from gateway.admin import cached, feedback, request_search, timeline
from gateway.admin.estimates import EstimatePaginator
from gateway.models import RequestLog
from tenants import sites, visits
from tenants.admin.badges import badge
from tenants.admin.base import TenantScopedAdmin
from tenants.admin.filters import TenantFilter

Outcome = RequestLog.Outcome
OUTCOME_COLOURS = {
    Outcome.OK: "success",
    Outcome.REFUSED: "warning",
    Outcome.CLIENT_LEFT: "info",
    Outcome.UPSTREAM_ERROR: "danger",
    Outcome.CUT: "danger",
    Outcome.INTERNAL_ERROR: "danger",
}


STATUS_COLOURS = {2: "success", 4: "warning", 5: "danger"}
ID_END = 10
MOST_VOTES = 20


def _two_lines(first: Any, second: Any) -> str:
    return format_html('<span class="tg-two">{}<small>{}</small></span>', first, second)


def usd(amount: Decimal, *, is_priced: bool = True) -> str:
    """A cost with as many digits as it has, and two at least: a request often costs a fraction of a cent."""
    if not is_priced:
        return str(_("not priced"))
    plain = abs(amount).normalize()
    sign = "−" if amount < 0 else ""
    return f"{sign}${plain:.{max(2, -int(plain.as_tuple().exponent))}f}" if amount else "$0"


@sites.register(RequestLog)
class RequestLogAdmin(TenantScopedAdmin):
    subject = "requests"
    paginator = EstimatePaginator
    show_full_result_count = False
    list_per_page = 50
    list_max_show_all = 50
    list_display = [
        "time_and_id",
        "tenant_and_endpoint",
        "model_and_provider",
        "result",
        "tokens",
        "cost",
        "latency_and_ttft",
    ]
    list_display_links = ["time_and_id"]
    list_filter = [
        TenantFilter,
        request_search.SpanFilter,
        ("accepted_at", RangeDateTimeFilter),
        ("outcome", ChoicesDropdownFilter),
        request_search.StatusFilter,
        request_search.EndpointFilter,
        request_search.ModelServedFilter,
        request_search.ProviderFilter,
        ("is_stream", BooleanRadioFilter),
    ]
    list_filter_submit = True
    search_fields = ["request_id"]  # the box; `get_search_results` decides
    search_help_text = _("req_… id, end user, feature or error type")
    ordering = ["-accepted_at", "-id"]
    sortable_by = ["time_and_id"]
    change_form_template = "admin/gateway/requestlog/change_form.html"
    fieldsets = [
        (
            _("Request"),
            {
                "fields": [
                    ("request_shown", "time"),
                    ("tenant_name", "api_key_name"),
                    ("endpoint", "attempt_shown"),
                    ("end_user", "feature"),
                    ("task", "tags_shown"),
                ]
            },
        ),
        (
            _("Answer"),
            {
                "fields": [
                    ("outcome_shown", "status_shown"),
                    ("model_shown", "provider"),
                    ("finish_reason", "cache_shown"),
                ]
            },
        ),
        (_("Tokens and cost"), {"fields": [("tokens_table",), ("context_shown",), ("cost", "usage_shown")]}),
        (_("Time"), {"fields": [("latency", "ttft", "streamed"), ("steps",)]}),
    ]
    feedback_fieldset = (_("Feedback"), {"fields": ["feedback_shown"]})
    error_fieldset = (_("Error"), {"fields": ["error_type", "error_message"]})

    def get_list_display(self, request: HttpRequest) -> list[str]:
        in_console = {"tenant_and_endpoint": "endpoint_and_key"} if visits.found(request) is not None else {}
        return [in_console.get(name, name) for name in super().get_list_display(request)]

    def get_queryset(self, request: HttpRequest) -> QuerySet[RequestLog]:
        """With the names of tenants and keys, which may be gone: a join would hide the requests of those."""
        rows: QuerySet[RequestLog] = super().get_queryset(request)
        return rows.prefetch_related("tenant", "api_key")

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> RequestLog:
        """By the id and the time within it, so that one partition is looked at and not every day there is."""
        try:
            row_id = UUID(object_id)
        except ValueError as error:
            raise Http404 from error
        return get_object_or_404(self.get_queryset(request).filter(request_search.around(row_id)), pk=row_id)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[RequestLog], search_term: str
    ) -> tuple[QuerySet[RequestLog], bool]:
        text = search_term.strip()
        return (request_search.matching(queryset, text) if text else queryset), False

    def get_fieldsets(self, request: HttpRequest, obj: RequestLog | None = None) -> list[Any]:
        has_error = obj is not None and (obj.error_type or obj.error_message)
        shown = [self.fieldsets[0], self.error_fieldset, *self.fieldsets[1:]] if has_error else list(self.fieldsets)
        has_feedback = obj is not None and selectors.feedback_on(obj.tenant_id, obj.request_id).exists()
        return [*shown, self.feedback_fieldset] if has_feedback else shown

    def get_readonly_fields(self, request: HttpRequest, obj: RequestLog | None = None) -> list[str]:
        fieldsets: list[Any] = [*self.fieldsets, self.error_fieldset, self.feedback_fieldset]
        lines: list[Any] = [line for _name, options in fieldsets for line in options["fields"]]
        return [name for line in lines for name in ([line] if isinstance(line, str) else line)]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        changes = super().get_changelist_instance(request)
        changes.full_result_count = changes.result_count  # an estimate: no "x of y"
        return changes

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """A record never changes, so its page is all there is."""
        response: HttpResponse = self.change_view(request, object_id, extra_context=extra_context)
        return response

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        context = {"show_history": False, "title": _("Request"), **(extra_context or {})}
        response: HttpResponse = super().change_view(request, object_id, form_url, context)
        return response

    @display(description=_("Time"), ordering="accepted_at")
    def time_and_id(self, row: RequestLog) -> str:
        """The id by its end, which is what tells ids apart: they begin with the time."""
        local = timezone.localtime(row.accepted_at)
        end = format_html('<span class="tg-mono" title="{}">…{}</span>', str(row), row.request_id.hex[-ID_END:])
        return _two_lines(f"{local:%d %b %H:%M:%S}", end)

    @display(description=_("Tenant"))
    def tenant_and_endpoint(self, row: RequestLog) -> str:
        return _two_lines(self.tenant_name(row), row.endpoint)

    @display(description=_("Endpoint"))
    def endpoint_and_key(self, row: RequestLog) -> str:
        try:
            return _two_lines(row.endpoint, row.api_key.name)
        except ObjectDoesNotExist:
            return _two_lines(row.endpoint, _("deleted key"))

    @display(description=_("Model"))
    def model_and_provider(self, row: RequestLog) -> str:
        provider = _("%(provider)s, cached") % {"provider": row.provider} if cached.is_answer(row) else row.provider
        return _two_lines(self.model_shown(row), provider or _("no provider called"))

    @display(description=_("Result"))
    def result(self, row: RequestLog) -> str:
        label = badge(row.status, OUTCOME_COLOURS.get(Outcome(row.outcome), ""))
        name = row.error_type if row.outcome != Outcome.OK else ""
        return _two_lines(format_html("{} {}", label, row.get_outcome_display()), name)

    @display(description=_("Latency"))
    def latency_and_ttft(self, row: RequestLog) -> str:
        stream = _("stream, first %(ttft)s") % {"ttft": self.ttft(row) or "–"} if row.is_stream else ""
        return _two_lines(self.latency(row), stream)

    @display(description=_("Time"))
    def time(self, row: RequestLog) -> str:
        return f"{timezone.localtime(row.accepted_at):%d %b %Y %H:%M:%S.%f}"[:-3]

    @display(description=_("Request"))
    def request_shown(self, row: RequestLog) -> str:
        return format_html('<span class="tg-mono tg-value">{}</span>', str(row))

    @display(description=_("Tenant"))
    def tenant_name(self, row: RequestLog) -> str:
        try:
            return str(row.tenant)
        except ObjectDoesNotExist:
            return str(_("deleted (%(id)s)") % {"id": row.tenant_id})

    @display(description=_("API key"))
    def api_key_name(self, row: RequestLog) -> str:
        try:
            key = row.api_key
        except ObjectDoesNotExist:
            return str(_("deleted (%(id)s)") % {"id": row.api_key_id})
        return format_html(
            '<a class="text-link" href="{}">{}</a>', reverse("admin:tenants_apikey_change", args=[key.pk]), key
        )

    @display(description=_("Model"))
    def model_shown(self, row: RequestLog) -> str:
        if row.model_served in ("", row.model_asked):
            return row.model_asked
        return f"{row.model_asked} → {row.model_served}"

    @display(description=_("Status"))
    def status_shown(self, row: RequestLog) -> str:
        return badge(row.status, STATUS_COLOURS.get(row.status // 100, ""))

    @display(description=_("Outcome"))
    def outcome_shown(self, row: RequestLog) -> str:
        return badge(row.get_outcome_display(), OUTCOME_COLOURS.get(Outcome(row.outcome), ""))

    @display(description=_("Tokens"))
    def tokens(self, row: RequestLog) -> str:
        counts = {"in": f"{row.input_tokens:,}", "out": f"{row.output_tokens:,}"}
        return _two_lines(_("%(in)s in") % counts, _("%(out)s out") % counts)

    @display(description=_("Tokens"))
    def tokens_table(self, row: RequestLog) -> str:
        """With what the provider's cache saved; less than nothing where more was written than read."""
        has_cached = row.cache_read_tokens or row.cache_write_5m_tokens or row.cache_write_1h_tokens
        saved = usd(row.prefix_saved_usd) if has_cached and row.is_priced else ""
        context = {"row": row, "uncached": _uncached(row), "saved": saved}
        return render_to_string("admin/gateway/requestlog/tokens.html", context)

    @display(description=_("Context"))
    def context_shown(self, row: RequestLog) -> str | None:
        """What the task's context policy made of the input; None where there was none."""
        before, after = row.context_tokens_before, row.context_tokens_after
        if before is None or after is None:
            return None
        counts = {"before": f"{before:,}", "after": f"{after:,}", "share": f"{(before - after) / max(1, before):.0%}"}
        return _("about %(before)s tokens as sent → %(after)s to the model (%(share)s less)") % counts

    @display(description=_("Cache"))
    def cache_shown(self, row: RequestLog) -> str | None:
        return cached.shown(row, saved=usd(row.saved_usd) if row.saved_usd is not None else "")

    @display(description=_("Cost"))
    def cost(self, row: RequestLog) -> str:
        return format_html('<span class="tg-number">{}</span>', usd(row.cost_usd, is_priced=row.is_priced))

    @display(description=_("Counted by"))
    def usage_shown(self, row: RequestLog) -> str:
        return row.get_usage_source_display()

    @display(description=_("Latency"))
    def latency(self, row: RequestLog) -> str:
        return timeline.duration(row.latency_ms * 1000)

    @display(description=_("First token"))
    def ttft(self, row: RequestLog) -> str | None:
        return timeline.duration(row.ttft_ms * 1000) if row.ttft_ms is not None else None

    @display(description=_("Streamed"))
    def streamed(self, row: RequestLog) -> Any:
        return _("Yes") if row.is_stream else _("No")

    @display(description=_("Attempt"))
    def attempt_shown(self, row: RequestLog) -> str:
        if cached.is_answer(row):
            return str(_("none: answered from the cache"))
        return str(row.attempt) if row.attempt else str(_("none: no provider was called"))

    @display(description=_("Tags"))
    def tags_shown(self, row: RequestLog) -> str:
        return ", ".join(row.tags)

    @display(description=_("Votes"))
    def feedback_shown(self, row: RequestLog) -> str:
        votes = [
            {
                "thumb": feedback.thumb(vote),
                "reasons": feedback.reasons_in_words(vote),
                "who": feedback.who(vote),
                "at": timezone.localtime(vote.changed_at),
                "comment": vote.comment,
            }
            for vote in selectors.feedback_on(row.tenant_id, row.request_id)[:MOST_VOTES]
        ]
        return render_to_string("admin/gateway/requestlog/feedback.html", {"votes": votes})

    @display(description=_("Steps"))
    def steps(self, row: RequestLog) -> str:
        bars = timeline.bars(row.steps_us, row.latency_ms)
        return render_to_string("admin/gateway/requestlog/timeline.html", {"bars": bars})


def _uncached(row: RequestLog) -> int:
    return row.input_tokens - row.cache_read_tokens - row.cache_write_5m_tokens - row.cache_write_1h_tokens
