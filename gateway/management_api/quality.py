"""What is known of how good answers are, to read: thumbs, labelled answers, trained models; and how right the semantic caches are, with
what is set of their checks. Whoever voted is told as the application named them, or not at all.
"""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from gateway.admin import request_search
from gateway.management_api.routing import Owned
from gateway.models import Feedback, LabeledAnswer, QualityModel, SemanticCheck, SemanticWatch
from gateway.quality.feedback import REASONS
from gateway.semantic import watch
from tenants.management_api.fields import Filters, Nanousd, Row
from tenants.management_api.views import Changes, Reads


class OfRequest(serializers.CharField):
    """A request's id as answers tell it, `req_…`; one that is none finds nothing."""

    def to_representation(self, value: Any) -> str:
        return f"req_{value.hex}"

    def to_internal_value(self, data: Any) -> Any:
        return request_search.parse_id(super().to_internal_value(data))


class VoteRow(Row):
    request_id = OfRequest()
    api_key = serializers.UUIDField(source="api_key_id", allow_null=True)

    class Meta:
        model = Feedback
        fields = [
            "id", "request_id", "rating", "reasons", "comment", "source", "end_user", "api_key", "task", "model", "provider", "cache",
            "asked_at", "created_at", "changed_at",
        ]  # fmt: skip


class VoteFilters(Filters):
    rating = serializers.ChoiceField(Feedback.Rating.choices, required=False)
    reason = serializers.ChoiceField(list(REASONS.items()), required=False)
    source = serializers.ChoiceField(Feedback.Source.choices, required=False)  # type: ignore[assignment]  # a field of that name
    end_user = serializers.CharField(required=False)
    task = serializers.CharField(required=False)
    model = serializers.CharField(required=False)
    request_id = OfRequest(required=False)
    since = serializers.DateTimeField(source="changed_at__gte", required=False)
    until = serializers.DateTimeField(source="changed_at__lt", required=False)


class Votes(Reads):
    """Thumbs that count: those on answers that stand in the log. The last changed first."""

    subject = "feedback"
    model = Feedback
    serializer_class = VoteRow
    filters = VoteFilters
    ordering = ("-changed_at", "-id")

    def rows(self) -> Any:
        return super().rows().filter(matched_at__isnull=False)

    def filtered(self, rows: Any, told: dict[str, Any]) -> Any:
        if "reason" in told:
            rows = rows.filter(reasons__contains=[told.pop("reason")])
        return super().filtered(rows, told)


class LabelRow(Row):
    request_id = OfRequest()

    class Meta:
        model = LabeledAnswer
        exclude = ["tenant"]


class LabelFilters(Filters):
    task = serializers.CharField(required=False)
    is_good = serializers.BooleanField(required=False)
    source = serializers.ChoiceField(LabeledAnswer.Source.choices, required=False)  # type: ignore[assignment]  # as above
    since = serializers.DateTimeField(source="changed_at__gte", required=False)
    until = serializers.DateTimeField(source="changed_at__lt", required=False)


class Labels(Reads):
    """What the tenant's own quality model learns from."""

    subject = "labels"
    model = LabeledAnswer
    serializer_class = LabelRow
    filters = LabelFilters
    ordering = ("-changed_at", "-id")


class VersionRow(Owned):
    class Meta:
        model = QualityModel
        fields = ["id", "version", "is_active", "metrics", "rows", "trained_at", "is_own"]


class VersionFilters(Filters):
    is_active = serializers.BooleanField(required=False)


class Versions(Reads):
    """Of the model that judges a cascade's cheap answers: the tenant's own, and the shared one."""

    subject = "quality_models"
    model = QualityModel
    is_shared = True
    serializer_class = VersionRow
    filters = VersionFilters

    def rows(self) -> Any:
        return super().rows().defer("payload", "unseen")


class FoundRow(serializers.Serializer[Any]):
    """Since it was last switched on; hits of the last fourteen days."""

    hits = serializers.IntegerField()
    right = serializers.IntegerField()
    wrong = serializers.IntegerField()
    unclear = serializers.IntegerField()
    waiting = serializers.IntegerField()


class WatchRow(Row):
    found = serializers.SerializerMethodField()

    class Meta:
        model = SemanticWatch
        editable = ["check_percent", "judge", "usd_per_day"]
        told = ["task", "threshold", "measure", "base", "is_off", "why", "since", "changed_at", "found"]
        fields = ["id", *editable, *told]
        read_only_fields = ["id", *told]

    @extend_schema(responses=FoundRow)
    def get_found(self, row: SemanticWatch) -> dict[str, Any]:
        found: dict[str, Any] = FoundRow(watch.figures(row)).data
        return found


class WatchFilters(Filters):
    task = serializers.CharField(required=False, allow_blank=True)
    is_off = serializers.BooleanField(required=False)


class Watches(Reads, Changes):
    """How right each task's semantic cache is, what follows from it, and how many hits are checked."""

    subject = "caches"
    model = SemanticWatch
    serializer_class = WatchRow
    filters = WatchFilters

    def rows(self) -> Any:
        return watch.with_figures(super().rows())

    def change(self, row: SemanticWatch, body: Any) -> None:
        watch.change(row, **body.validated_data)

    @extend_schema(request=None)
    @action(detail=True, methods=["post"], url_path="switch-on", right="change")
    def switch_on(self, request: Request, pk: Any) -> Response:
        """Give its answers again, and count anew. One that is on stays as it is."""
        row = self.own()
        if row.is_off:
            watch.switch_on(row)
        return Response(self.shown(self.row()))


class CheckRow(Row):
    request_id = OfRequest()
    origin = OfRequest(help_text="The request that the answer was made for.")
    cost_usd = Nanousd(source="cost_nanousd", read_only=True)

    class Meta:
        model = SemanticCheck
        fields = [
            "id", "request_id", "origin", "task", "similarity", "score", "status", "how", "threshold", "cost_usd", "hit_at",
            "checked_at",
        ]  # fmt: skip


class CheckFilters(Filters):
    task = serializers.CharField(required=False, allow_blank=True)
    status = serializers.ChoiceField(SemanticCheck.Status.choices, required=False)
    since = serializers.DateTimeField(source="hit_at__gte", required=False)
    until = serializers.DateTimeField(source="hit_at__lt", required=False)


class Checks(Reads):
    """Hits of semantic caches that were compared with a fresh answer."""

    subject = "cache_checks"
    model = SemanticCheck
    serializer_class = CheckRow
    filters = CheckFilters
    ordering = ("-hit_at", "-id")

    def rows(self) -> Any:
        return super().rows().defer("sealed")
