"""Finding requests: by id within the right partition, by text, and by filters whose choices come from the catalog, not from the log."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import DropdownFilter

from gateway.models import Model, Provider, RequestLog
from gateway.types import Endpoint

SLACK = dt.timedelta(seconds=1)
_ID = re.compile(r"^(?:req_)?([0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12})\Z", re.IGNORECASE)
SPANS = {"15m": dt.timedelta(minutes=15), "1h": dt.timedelta(hours=1), "24h": dt.timedelta(days=1)}
SPANS |= {f"{days}d": dt.timedelta(days=days) for days in (7, 30)}


def parse_id(text: str) -> UUID | None:
    """The request id in `req_<hex>`, bare hex or a UUID's usual spelling."""
    found = _ID.match(text.strip())
    return UUID(found[1]) if found else None


def around(request_id: UUID) -> Q:
    """The time that a version-7 id carries, a second either way: PostgreSQL then looks at one day's partition (or two)."""
    try:
        accepted_at = dt.datetime.fromtimestamp((request_id.int >> 80) / 1000, tz=dt.UTC)
        return Q(accepted_at__gte=accepted_at - SLACK, accepted_at__lte=accepted_at + SLACK)
    except (OverflowError, ValueError, OSError):
        return Q(pk__in=[])  # no id of ours


def matching(rows: QuerySet[RequestLog], text: str) -> QuerySet[RequestLog]:
    """Requests of that id, or of exactly that end user, feature or error type."""
    request_id = parse_id(text)
    if request_id is not None:
        return rows.filter(around(request_id), request_id=request_id)
    return rows.filter(Q(end_user=text) | Q(feature=text) | Q(error_type=text))


class SpanFilter(DropdownFilter):
    """The last while, at a click."""

    title = _("time")
    parameter_name = "last"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        names = [_("Last 15 minutes"), _("Last hour"), _("Last 24 hours"), _("Last 7 days"), _("Last 30 days")]
        return list(zip(SPANS, names, strict=True))

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        span = SPANS.get(self.value() or "")
        return queryset.filter(accepted_at__gte=timezone.now() - span) if span else queryset


class StatusFilter(DropdownFilter):
    title = _("status")
    parameter_name = "status_class"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [
            ("2", _("2xx, answered")),
            ("4", _("4xx, the caller's")),
            ("5", _("5xx, ours or the provider's")),
            ("429", _("429, over a limit")),
            ("499", _("499, client left")),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value() or ""
        if not value.isdecimal():
            return queryset
        code = int(value)
        return (
            queryset.filter(status=code)
            if code > 99
            else queryset.filter(status__gte=code * 100, status__lt=(code + 1) * 100)
        )


class _Valued(DropdownFilter):
    """Equality with one of a list of values."""

    column = ""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(**{self.column: self.value()}) if self.value() else queryset


class EndpointFilter(_Valued):
    title = _("endpoint")
    parameter_name = column = "endpoint"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(endpoint.value, endpoint.value) for endpoint in Endpoint]


class ModelServedFilter(_Valued):
    title = _("model served")
    parameter_name = "model"
    column = "model_served"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return _names(request, Model)


class ProviderFilter(_Valued):
    title = _("provider")
    parameter_name = column = "provider"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return _names(request, Provider)


def _names(request: HttpRequest, model: type[Model] | type[Provider]) -> list[tuple[str, str]]:
    names = model.objects.order_by("name").values_list("name", flat=True)
    return [(name, name) for name in names.distinct()]
