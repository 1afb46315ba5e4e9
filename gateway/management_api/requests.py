"""The request log, to read: one row for each attempt, the newest first."""

from __future__ import annotations

from typing import Any

from django.shortcuts import get_object_or_404
from rest_framework import serializers

from gateway.admin import request_search
from gateway.models import RequestLog
from tenants.management_api.fields import Filters, PlainDecimal
from tenants.management_api.views import Reads


class RequestRow(serializers.ModelSerializer[RequestLog]):
    request_id = serializers.CharField(source="__str__", help_text="As the answer's header x-request-id says it.")
    api_key = serializers.UUIDField(source="api_key_id")
    cost_usd = PlainDecimal(max_digits=20, decimal_places=9)

    class Meta:
        model = RequestLog
        exclude = ["tenant"]


class RequestFilters(Filters):
    since = serializers.DateTimeField(source="accepted_at__gte", required=False)
    until = serializers.DateTimeField(source="accepted_at__lt", required=False)
    request_id = serializers.CharField(required=False, help_text="req_…")
    api_key = serializers.UUIDField(source="api_key_id", required=False)
    end_user = serializers.CharField(required=False)
    task = serializers.CharField(required=False)
    feature = serializers.CharField(required=False)
    tag = serializers.CharField(source="tags__contains", required=False)
    model = serializers.CharField(source="model_served", required=False)
    provider = serializers.CharField(required=False)
    outcome = serializers.ChoiceField(RequestLog.Outcome.choices, required=False)
    status = serializers.IntegerField(required=False, min_value=100, max_value=599)
    error_type = serializers.CharField(required=False)
    endpoint = serializers.CharField(required=False)
    cache = serializers.CharField(required=False)
    is_stream = serializers.BooleanField(required=False)
    slower_ms = serializers.FloatField(source="latency_ms__gt", required=False, min_value=0)


class Requests(Reads):
    subject = "requests"
    model = RequestLog
    serializer_class = RequestRow
    filters = RequestFilters
    ordering = ("-accepted_at", "-id")

    def row(self) -> RequestLog:
        """By the id and the time within it, so that one day's partition is looked at and not every one."""
        row_id = self.kwargs["pk"]
        return get_object_or_404(self.get_queryset().filter(request_search.around(row_id)), pk=row_id)

    def filtered(self, rows: Any, told: dict[str, Any]) -> Any:
        if "tags__contains" in told:
            told["tags__contains"] = [told["tags__contains"]]
        if "request_id" in told:
            found = request_search.parse_id(told.pop("request_id"))
            rows = rows.filter(request_search.around(found), request_id=found) if found is not None else rows.none()
        return super().filtered(rows, told)
