"""Judges of tasks' answers, what they may cost, what they said, and how good models turned out to be."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers

from gateway import judge_policies
from gateway.management_api.quality import OfRequest
from gateway.models import JudgeBudget, Judgement, JudgePolicy, MeasuredQuality
from tenants.management_api.fields import Filters, Money, Nanousd, Row
from tenants.management_api.views import One, Reads, Whole


class JudgeRow(Row):
    class Meta:
        model = JudgePolicy
        exclude = ["tenant"]
        read_only_fields = ["id"]


class JudgeFilters(Filters):
    task = serializers.CharField(required=False, allow_blank=True)
    is_active = serializers.BooleanField(required=False)


class Judges(Whole):
    subject = "judges"
    model = JudgePolicy
    serializer_class = JudgeRow
    filters = JudgeFilters

    def add(self, body: Any) -> JudgePolicy:
        policy: JudgePolicy = body.apply(JudgePolicy(tenant=self.visit.tenant))
        judge_policies.save(policy)
        return policy

    def change(self, row: JudgePolicy, body: Any) -> None:
        judge_policies.save(body.apply(row))

    def remove(self, row: JudgePolicy) -> None:
        row.delete()


class JudgesBudgetRow(Row):
    used_usd_today = serializers.SerializerMethodField(help_text="By all judges, as far as the ledger has it.")
    used_usd_this_month = serializers.SerializerMethodField()

    class Meta:
        model = JudgeBudget
        fields = ["usd_per_day", "usd_per_month", "used_usd_today", "used_usd_this_month"]

    @extend_schema(responses=Money)
    def get_used_usd_today(self, row: JudgeBudget) -> str:
        return self._used(row, "day")

    @extend_schema(responses=Money)
    def get_used_usd_this_month(self, row: JudgeBudget) -> str:
        return self._used(row, "month")

    def _used(self, row: JudgeBudget, window: str) -> str:
        return f"{judge_policies.used_usd(row.tenant, window, timezone.now()).normalize():f}"


class JudgesBudget(One):
    """What all judges together may cost. Answers beyond it are not judged."""

    subject = "judges"
    model = JudgeBudget
    serializer_class = JudgesBudgetRow

    def one(self) -> JudgeBudget:
        return judge_policies.budget(self.visit.tenant)

    def change(self, row: JudgeBudget, body: Any) -> None:
        judge_policies.save(body.apply(row))


class JudgementRow(Row):
    request_id = OfRequest()
    cost_usd = Nanousd(source="cost_nanousd", read_only=True)

    class Meta:
        model = Judgement
        fields = [
            "id", "request_id", "task", "model", "provider", "tags", "judge", "status", "score", "is_good", "faults", "is_self", "why",
            "answer_characters", "cost_usd", "answered_at", "judged_at",
        ]  # fmt: skip


class JudgementFilters(Filters):
    task = serializers.CharField(required=False, allow_blank=True)
    model = serializers.CharField(required=False)
    status = serializers.ChoiceField(Judgement.Status.choices, required=False)
    is_good = serializers.BooleanField(required=False)
    is_self = serializers.BooleanField(required=False)
    request_id = OfRequest(required=False)
    since = serializers.DateTimeField(source="answered_at__gte", required=False)
    until = serializers.DateTimeField(source="answered_at__lt", required=False)


class Judgements(Reads):
    """What judges said of answers: 1 to 5, by the task's rubric. The latest answers first."""

    subject = "judgements"
    model = Judgement
    serializer_class = JudgementRow
    filters = JudgementFilters
    ordering = ("-answered_at", "-id")

    def rows(self) -> Any:
        return super().rows().defer("sealed")


class MeasuredRow(Row):
    class Meta:
        model = MeasuredQuality
        fields = ["id", "task", "model", "quality", "answers", "source", "measured_at"]


class MeasuredFilters(Filters):
    task = serializers.CharField(required=False, allow_blank=True)
    model = serializers.CharField(required=False)


class Measured(Reads):
    """How good models' answers to a task turned out to be, in percent: the lower end of an interval. Rules' quality floors go by it."""

    subject = "judgements"
    model = MeasuredQuality
    serializer_class = MeasuredRow
    filters = MeasuredFilters
