"""Monthly statements, to read: what was used, by model, task, key and end user."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from billing import statements
from tenants.management_api.fields import PlainDecimal
from tenants.management_api.views import ManagementView


class FiguresRow(serializers.Serializer[Any]):
    requests = serializers.IntegerField()
    input_tokens = serializers.IntegerField()
    cache_read_tokens = serializers.IntegerField()
    output_tokens = serializers.IntegerField()
    cost_usd = PlainDecimal(max_digits=28, decimal_places=9)


@extend_schema_field({"type": "string", "pattern": r"^\d{4}-\d{2}$"})
class MonthField(serializers.DateField):
    """Such as `2026-11`."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(format="%Y-%m", **kwargs)


class MonthRow(serializers.Serializer[Any]):
    month = MonthField(source="first_day")
    is_so_far = serializers.BooleanField(help_text="The month has not ended.")
    total = FiguresRow()


class Months(serializers.Serializer[Any]):
    results = MonthRow(many=True)


class LineRow(serializers.Serializer[Any]):
    subject = serializers.CharField()
    name = serializers.CharField()
    figures = FiguresRow()


class SectionRow(serializers.Serializer[Any]):
    """Dearest first. `more` subjects, who used `more_figures`, are not among the lines; `rest` belongs to no subject."""

    dimension = serializers.CharField()
    lines = LineRow(many=True)
    more = serializers.IntegerField()
    more_figures = FiguresRow()
    rest = FiguresRow()


class PlanRow(serializers.Serializer[Any]):
    name = serializers.CharField()
    first_day = serializers.DateField()
    last_day = serializers.DateField()
    price_usd_per_month = PlainDecimal(max_digits=14, decimal_places=4)


class StatementRow(MonthRow):
    last_day = serializers.DateField()
    made_at = serializers.DateTimeField()
    sections = SectionRow(many=True)
    plans = PlanRow(many=True)
    problems = serializers.ListField(child=serializers.CharField())


class Statements(ManagementView):
    """Every month with its total, the latest first."""

    subject = "statements"
    basename = "statements"

    @extend_schema(responses=Months, operation_id="list_statements")
    def get(self, request: Request) -> Response:
        found = statements.months(self.visit.tenant, timezone.now())
        return Response({"results": MonthRow(found, many=True).data})


class Statement(ManagementView):
    subject = "statements"
    basename = "statements"

    @extend_schema(responses=StatementRow, operation_id="retrieve_statements")
    def get(self, request: Request, month: dt.date) -> Response:
        tenant, now = self.visit.tenant, timezone.now()
        if month > statements.current_month(tenant, now):
            raise Http404
        return Response(StatementRow(statements.statement(tenant, month.year, month.month, now=now)).data)
