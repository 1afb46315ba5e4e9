"""The request log, to look at only."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import UUID

from django.contrib.admin import display
from django.core.exceptions import ObjectDoesNotExist
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import BooleanRadioFilter, ChoicesDropdownFilter, RangeDateTimeFilter

from gateway import selectors
from gateway.admin import cached, feedback, request_search, request_trace, timeline
from gateway.admin.estimates import EstimatePaginator
from gateway.content import reading as content
from gateway.models import RequestLog
from gateway.pipeline.exchange import ATTEMPT_BYTE
from tenants import sites, visits
from tenants.admin.badges import badge
from tenants.admin.base import TenantScopedAdmin
from tenants.admin.filters import TenantFilter
from tenants.admin.looked_at import Unchanging

Outcome = RequestLog.Outcome
OUTCOME_COLOURS = {
    Outcome.OK: "success",
    Outcome.REFUSED: "warning",
    Outcome.CLIENT_LEFT: "info",
    Outcome.UPSTREAM_ERROR: "danger",
    Outcome.CUT: "danger",
    Outcome.INTERNAL_ERROR: "danger",
}


TONES = {"success": "good", "warning": "warn", "danger": "bad"}
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


def tone(row: RequestLog) -> str:
    """The colour of how an attempt ended, as a badge's class; empty: none."""
    return TONES.get(OUTCOME_COLOURS.get(Outcome(row.outcome), ""), "")


@sites.register(RequestLog)
class RequestLogAdmin(Unchanging, TenantScopedAdmin):
    subject = "requests"
    page_title = _("Request")
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
    fieldsets: list[Any] = []

    def get_list_display(self, request: HttpRequest) -> list[str]:
        in_console = {"tenant_and_endpoint": "endpoint_and_key"} if visits.found(request) is not None else {}
        return [in_console.get(name, name) for name in super().get_list_display(request)]

    def get_queryset(self, request: HttpRequest) -> QuerySet[RequestLog]:
        """With the names of tenants and keys, which may be gone: a join would hide the requests of those."""
        rows: QuerySet[RequestLog] = super().get_queryset(request)
        return rows.prefetch_related("tenant", "api_key")

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> RequestLog:
        """How the request ended, with all its attempts, by the id of the request or of any of them. And by the time within it, so that one
        partition is looked at and not every day there is.
        """
        try:
            asked = UUID(object_id)
        except ValueError as error:
            raise Http404 from error
        request_id = UUID(int=asked.int & ~ATTEMPT_BYTE)
        rows = list(self.get_queryset(request).filter(request_search.around(request_id), request_id=request_id))
        if not rows:
            raise Http404
        found = request_trace.final(rows)
        found.attempts = rows  # type: ignore[attr-defined]
        return found

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[RequestLog], search_term: str
    ) -> tuple[QuerySet[RequestLog], bool]:
        text = search_term.strip()
        return (request_search.matching(queryset, text) if text else queryset), False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        changes = super().get_changelist_instance(request)
        changes.full_result_count = changes.result_count  # an estimate: no "x of y"
        return changes

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        response: Any = super().change_view(request, object_id, form_url, extra_context)
        told: dict[str, Any] = response.context_data or {}
        told |= self._told(request, told["original"])
        return response

    def _told(self, request: HttpRequest, row: RequestLog) -> dict[str, Any]:
        """What the page shows of the request; the content of it is a click further."""
        visit = visits.found(request)
        may_read = visit is not None and visit.may("view", "content")
        return {
            "row": row,
            "head": self._head(row),
            "trace": request_trace.trace(row.attempts, usd=usd, tones=tone),  # type: ignore[attr-defined]
            "facts": self._facts(row),
            "votes": self._votes(row),
            "may_read": may_read,
            "may_store": visit is not None and visit.may("change", "content"),
            "content": content.is_stored(row.tenant_id, row.request_id) if may_read else None,
            "is_storing": may_read and content.is_on(row.tenant_id),
        }

    def _head(self, row: RequestLog) -> dict[str, Any]:
        return {
            "tone": tone(row),
            "model": self.model_shown(row),
            "latency": self.latency(row),
            "first_token": self.ttft(row),
            "error": bool(row.error_type or row.error_message),
        }

    def _facts(self, row: RequestLog) -> list[tuple[Any, Any]]:
        facts: list[tuple[Any, Any]] = [
            (_("Request"), self.request_shown(row)),
            (_("Time"), self.time(row)),
            (_("Tenant"), self.tenant_name(row)),
            (_("API key"), request_trace.key_name(row)),
            (_("Endpoint"), f"{row.endpoint}, {_('streamed') if row.is_stream else _('not streamed')}"),
            (_("Task"), row.task),
            (_("End user"), row.end_user),
            (_("Feature"), row.feature),
            (_("Tags"), ", ".join(row.tags)),
            (_("Finish reason"), row.finish_reason),
            (_("Counted by"), row.get_usage_source_display()),
            (_("Trace"), (row.trail or {}).get("traceparent", "")),
        ]
        return [(name, value) for name, value in facts if value]

    def _votes(self, row: RequestLog) -> list[dict[str, Any]]:
        return [
            {
                "link": reverse("admin:gateway_feedback_change", args=[vote.pk]),
                "thumb": feedback.thumb(vote),
                "reasons": feedback.reasons_in_words(vote),
                "who": feedback.who(vote),
                "at": timezone.localtime(vote.changed_at),
                "comment": vote.comment,
            }
            for vote in selectors.feedback_on(row.tenant_id, row.request_id)[:MOST_VOTES]
        ]

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

    @display(description=_("Model"))
    def model_shown(self, row: RequestLog) -> str:
        if row.model_served in ("", row.model_asked):
            return row.model_asked
        return f"{row.model_asked} → {row.model_served}"

    @display(description=_("Tokens"))
    def tokens(self, row: RequestLog) -> str:
        counts = {"in": f"{row.input_tokens:,}", "out": f"{row.output_tokens:,}"}
        return _two_lines(_("%(in)s in") % counts, _("%(out)s out") % counts)

    @display(description=_("Cost"))
    def cost(self, row: RequestLog) -> str:
        return format_html('<span class="tg-number">{}</span>', usd(row.cost_usd, is_priced=row.is_priced))

    @display(description=_("Latency"))
    def latency(self, row: RequestLog) -> str:
        return timeline.duration(row.latency_ms * 1000)

    @display(description=_("First token"))
    def ttft(self, row: RequestLog) -> str | None:
        return timeline.duration(row.ttft_ms * 1000) if row.ttft_ms is not None else None
