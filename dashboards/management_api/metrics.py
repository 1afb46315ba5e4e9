"""The dashboards' numbers: metrics of a range, narrowed down, by a dimension and over time, as JSON or as a table for spreadsheets.

They are read as the pages read them (`dashboards.metrics`), so both say the same.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import exceptions, serializers
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from billing.statement_csv import BYTE_ORDER_MARK, safe
from dashboards import choices, metrics, scopes, standby
from dashboards.management_api import questions
from dashboards.management_api.questions import DIMENSIONS, Question
from dashboards.metrics import METRICS, Chart, Line, Unit, Value
from dashboards.planning import Unanswerable
from dashboards.reading import View
from tenants.management_api.views import ManagementView

TABLE_LINES, CHART_LINES = 100, metrics.TOP


class MetricsLineRow(serializers.Serializer[Any]):
    value = serializers.CharField(
        allow_null=True, help_text="Of the dimension; empty: without one. Null: all others together."
    )
    metrics = serializers.DictField(
        help_text="By name; money is a text. Null: there is none, such as a share of nothing."
    )
    steps = serializers.DictField(
        child=serializers.ListField(), required=False, help_text="By name, a value for each time in `times`."
    )


class AnswerRow(serializers.Serializer[Any]):
    since = serializers.DateTimeField()
    until = serializers.DateTimeField()
    time_zone = serializers.CharField()
    by = serializers.CharField(allow_null=True)
    units = serializers.DictField(child=serializers.ChoiceField([unit.value for unit in Unit]))
    times = serializers.ListField(
        child=serializers.DateTimeField(), required=False, help_text="When each step begins; with `steps` only."
    )
    results = MetricsLineRow(many=True)
    notes = serializers.ListField(
        child=serializers.CharField(), help_text="In what way the numbers may not be exact; empty: they are."
    )


class MetricRow(serializers.Serializer[Any]):
    name = serializers.CharField()
    unit = serializers.ChoiceField([unit.value for unit in Unit])
    is_good = serializers.BooleanField(allow_null=True, help_text="More of it is better; null: neither is.")


class NamesRow(serializers.Serializer[Any]):
    metrics = MetricRow(many=True)
    dimensions = serializers.ListField(child=serializers.CharField())
    values = serializers.DictField(
        child=serializers.ListField(child=serializers.CharField()),
        help_text="What occurred, by dimension; not of those that have very many values.",
    )


class CsvRenderer(BaseRenderer):
    """Of an answer: a line for each value, or for each value and time. Errors stay JSON."""

    media_type = "text/csv"
    format = "csv"
    charset = "utf-8"

    def render(self, data: Any, accepted_media_type: Any = None, renderer_context: Any = None) -> bytes:
        table = io.StringIO(BYTE_ORDER_MARK)
        table.seek(0, io.SEEK_END)
        csv.writer(table).writerows(_rows(data))
        return table.getvalue().encode()


class Metrics(ManagementView):
    subject = "dashboards"
    basename = "metrics"
    renderer_classes = [JSONRenderer, CsvRenderer]

    @extend_schema(parameters=[Question], responses=AnswerRow, operation_id="read_metrics")
    @standby.preferred()
    def get(self, request: Request) -> Response:
        """Metrics of the whole range: one line, or one for each value of `by`. `Accept: text/csv` (or `format=csv`) makes it a table."""
        told, tenant, now = _told(request), self.visit.tenant, timezone.now()
        zone = ZoneInfo(tenant.timezone)
        try:
            span = questions.span(told, zone, now)
            view = View(scopes.of_tenant(tenant), span, questions.narrowed(told))
            found = _found(view, told)
        except (questions.BadRange, Unanswerable) as error:
            raise exceptions.ValidationError({"": str(error)}) from error
        names = told["metrics"]
        answer: dict[str, Any] = {
            "since": span.start.astimezone(zone),
            "until": span.end.astimezone(zone),
            "time_zone": tenant.timezone,
            "by": told.get("by"),
            "units": {name: METRICS[name].unit.value for name in names},
            "results": [_line(line, names, has_steps=told["steps"]) for line in found.lines],
            "notes": [*found.source.notes, *_late()],
        }
        if told["steps"]:
            answer["times"] = [edge.astimezone(zone) for edge in span.edges]
        return Response(answer)

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        if response.status_code >= 400:
            request.accepted_renderer, request.accepted_media_type = JSONRenderer(), JSONRenderer.media_type
        return super().finalize_response(request, response, *args, **kwargs)


class Names(ManagementView):
    subject = "dashboards"
    basename = "metrics"

    @extend_schema(responses=NamesRow, operation_id="list_metrics_names")
    def get(self, request: Request) -> Response:
        """Which metrics there are, and what they can be asked by."""
        known = [{"name": item.name, "unit": item.unit.value, "is_good": item.is_good} for item in METRICS.values()]
        values = choices.choices(scopes.of_tenant(self.visit.tenant))
        return Response({"metrics": known, "dimensions": list(DIMENSIONS), "values": values})


def _late() -> list[str]:
    behind = standby.behind()
    return [] if behind is None or behind.as_of is None else [f"As of {behind.as_of.isoformat()}."]


def _told(request: Request) -> dict[str, Any]:
    """The query string, checked."""
    asked = Question(data=request.query_params)
    wrong = asked.given_twice(request.query_params)
    wrong |= {
        name: ["There is no such filter."] for name in request.query_params if name not in {*asked.fields, "format"}
    }
    # To DRF an empty one of a query string is none; of the dimensions, it is a value.
    wrong |= {
        name: ["Give a value, or leave it out."]
        for name, value in request.query_params.items()
        if not value and name in asked.fields and name not in DIMENSIONS
    }
    if wrong:
        raise exceptions.ValidationError(wrong)
    asked.is_valid(raise_exception=True)
    told: dict[str, Any] = asked.validated_data
    return told


def _found(view: View, told: dict[str, Any]) -> Chart:
    names, by, order = told["metrics"], told.get("by", ""), told["order"]
    if told["steps"]:
        return metrics.chart(view, names, by, order=order, top=told.get("limit", CHART_LINES))
    if by:
        return metrics.table(view, by, names, order=order, limit=told.get("limit", TABLE_LINES))
    values, source = metrics.totals(view, names)
    return Chart((Line("", values, {}),), source)


def _line(line: Line, names: list[str], *, has_steps: bool) -> dict[str, Any]:
    found: dict[str, Any] = {"value": line.name, "metrics": {name: _plain(line.whole[name]) for name in names}}
    if has_steps:
        found["steps"] = {name: [_plain(value) for value in line.steps[name]] for name in names}
    return found


def _plain(value: Value) -> int | float | str | None:
    """Money as a text with the digits that it has."""
    return f"{value.normalize():f}" if isinstance(value, Decimal) else value


def _rows(answer: dict[str, Any]) -> Iterator[list[Any]]:
    names, by, times = list(answer["units"]), answer["by"], answer.get("times")
    head = [f"{name} ({answer['units'][name]})" for name in names]
    yield [*(["time"] if times is not None else []), *([by] if by else []), *head]
    for line in answer["results"]:
        group = [safe("(others)" if line["value"] is None else line["value"])] if by else []
        if times is None:
            yield [*group, *(line["metrics"][name] for name in names)]
            continue
        for place, at in enumerate(times):
            yield [at.isoformat(), *group, *(line["steps"][name][place] for name in names)]
