"""Budgets with their temporary raises, and every limit in force with what is used of it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from billing import budgets, in_force, limits
from billing.budgets import Values
from billing.models import Budget, BudgetRaise
from tenants.management_api.fields import Filters, Row
from tenants.management_api.views import ManagementView, Whole


class BudgetRow(Row):
    name = serializers.CharField(
        max_length=80,
        required=False,
        allow_blank=True,
        help_text="As refusals and alerts call it. Empty: made of what it says.",
    )
    api_key = serializers.UUIDField(source="api_key_id", required=False, allow_null=True)

    class Meta:
        model = Budget
        editable = [
            "name", "scope", "api_key", "subject", "metric", "window", "amount", "thresholds", "cheaper_at",
            "cheaper_model", "cached_only_at", "channel_ids", "is_active",
        ]  # fmt: skip
        fields = ["id", *editable, "created_at"]
        read_only_fields = ["id", "created_at"]

    def values(self, present: Values | None = None) -> Values:
        """What was given, and for the rest what there is."""
        told = dict(self.validated_data)
        for name in ("thresholds", "channel_ids"):
            if told.get(name) is not None:
                told[name] = tuple(told[name])
        return Values(**{**(vars(present) if present else {}), **told})


class BudgetFilters(Filters):
    name = serializers.CharField(required=False)
    scope = serializers.ChoiceField(Budget.Scope.choices, required=False)
    metric = serializers.ChoiceField(Budget.Metric.choices, required=False)
    is_active = serializers.BooleanField(required=False)


class RaiseRow(Row):
    starts_at = serializers.DateTimeField(required=False, help_text="Left out: now.")

    class Meta:
        model = BudgetRaise
        fields = ["id", "amount", "starts_at", "ends_at", "reason", "created_by", "created_at"]
        read_only_fields = ["id", "created_by", "created_at"]


class Budgets(Whole):
    subject = "budgets"
    model = Budget
    serializer_class = BudgetRow
    filters = BudgetFilters

    def add(self, body: Any) -> Budget:
        return budgets.create(self.visit.tenant, body.values())

    def change(self, row: Budget, body: Any) -> None:
        budgets.change(row, body.values(budgets.values_of(row)), now=timezone.now())

    def remove(self, row: Budget) -> None:
        budgets.delete(row)

    @extend_schema(responses=RaiseRow(many=True), methods=["GET"])
    @extend_schema(request=RaiseRow, responses={201: RaiseRow}, methods=["POST"])
    @action(detail=True, methods=["get", "post"], right="change")
    def raises(self, request: Request, pk: Any) -> Response:
        """Higher amounts for a time: the highest in force counts."""
        if request.method != "POST":
            return self.page_of(BudgetRaise.objects.filter(budget=self.row()), RaiseRow)
        budget = self.own()
        told = self.body(RaiseRow).validated_data
        item = budgets.raise_temporarily(budget, by=self.person, now=timezone.now(), **told)
        return Response(self.shown(item, RaiseRow), status=201)

    @extend_schema(request=None, responses={200: RaiseRow, 204: None})
    @action(detail=True, methods=["post"], url_path="raises/<uuid:raise_id>/end", right="change")
    def end_raise(self, request: Request, pk: Any, raise_id: Any) -> Response:
        """End a raise early. One that has not begun is deleted."""
        item = BudgetRaise.objects.filter(budget=self.own(), pk=raise_id).first()
        if item is None:
            raise Http404
        budgets.end_raise(item, timezone.now())
        found = BudgetRaise.objects.filter(pk=raise_id).first()
        return Response(self.shown(found, RaiseRow)) if found is not None else Response(status=204)


class UseRow(serializers.Serializer[Any]):
    subject = serializers.CharField()
    name = serializers.CharField()
    used = serializers.SerializerMethodField()
    held = serializers.SerializerMethodField()
    left = serializers.SerializerMethodField()
    percent = serializers.IntegerField()

    def get_used(self, use: Any) -> str:
        return self._amount(use.used)

    def get_held(self, use: Any) -> str:
        return self._amount(use.held)

    def get_left(self, use: Any) -> str:
        return self._amount(use.left)

    def _amount(self, amount: int) -> str:
        return amount_of(self.context["metric"], amount)


class LimitRow(serializers.Serializer[Any]):
    """Amounts are requests, tokens or USD, by the metric."""

    origin = serializers.ChoiceField(["budget", "plan", "tier", "key"])
    name = serializers.CharField(source="limit.name")
    budget = serializers.UUIDField(source="budget.pk", allow_null=True, default=None)
    api_key = serializers.UUIDField(source="key.pk", allow_null=True, default=None)
    scope = serializers.CharField(source="limit.dimension")
    metric = serializers.CharField(source="limit.metric")
    window = serializers.CharField(source="limit.window")
    amount = serializers.SerializerMethodField()
    is_active = serializers.BooleanField()
    is_live = serializers.BooleanField(help_text="False: by the ledger alone, which may be a moment behind.")
    uses = serializers.SerializerMethodField(help_text="Who has used most of it; null: adding it up took too long.")

    def get_amount(self, line: Any) -> str:
        return amount_of(line.limit.metric, line.amount)

    def get_uses(self, line: Any) -> list[dict[str, Any]] | None:
        if line.uses is None:
            return None
        return [UseRow(use, context={"metric": line.limit.metric}).data for use in line.uses]


class LimitRows(serializers.Serializer[Any]):
    results = LimitRow(many=True)


class Limits(ManagementView):
    """Every limit in force: budgets, the plan's amounts, keys' own; with what is used, held and left of each."""

    subject = "budgets"
    basename = "limits"

    @extend_schema(responses=LimitRows, operation_id="list_limits")
    def get(self, request: Request) -> Response:
        lines = in_force.read(self.visit.tenant, timezone.now())
        return Response({"results": LimitRow(lines, many=True).data})


def amount_of(metric: str, amount: int) -> str:
    """USD as such, though they are counted in nano-dollars."""
    if metric != limits.USD:
        return str(amount)
    usd = Decimal(amount).scaleb(-9)
    return f"{usd.normalize():f}" if usd else "0"
