"""Tasks with their fallback chains and context policies, and routing rules in order."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from gateway import context_policies, routes, routing_checks
from gateway.models import ContextPolicy, Model, RoutingRule, Task
from gateway.routes import Target
from gateway.routing import sentences
from tenants.management_api.fields import Filters, IsOwn, Row, Strict
from tenants.management_api.views import Whole

CHOOSING = [
    "strategy", "quality_floor", "max_request_usd", "cascade_threshold", "cascade_target", "first_byte_ms",
    "replays_when_down", "replay_similarity", "escapes_refusals",
]  # fmt: skip


class Owned(Row):
    is_own = serializers.SerializerMethodField(
        help_text="Of this tenant. The others are the operator's, for everybody."
    )

    def get_is_own(self, row: Any) -> bool:
        return row.tenant_id is not None


class Chain(serializers.ManyRelatedField):
    """Models in order, by their ids."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(serializers.PrimaryKeyRelatedField(queryset=Model.objects), **kwargs)

    def get_attribute(self, instance: Any) -> Any:
        return [link.model for link in instance.fallbacks.all()]


class TaskRow(Owned):
    fallbacks = Chain(required=False, help_text="Models that are tried in this order when the default model fails.")

    class Meta:
        model = Task
        editable = [
            "slug", "name", "description", "urgency", "default_model", "fallbacks", *CHOOSING, "likely_output_tokens",
            "is_active",
        ]  # fmt: skip
        fields = ["id", *editable, "is_own"]
        read_only_fields = ["id"]


class OwnedFilters(Filters):
    is_own = IsOwn(required=False)
    is_active = serializers.BooleanField(required=False)


class TaskFilters(OwnedFilters):
    slug = serializers.CharField(required=False)


class Shared(Whole):
    """The tenant's own, to be edited, beside the operator's."""

    is_shared = True

    def remove(self, row: Any) -> None:
        routes.remove(row)


class Tasks(Shared):
    subject = "tasks"
    model = Task
    serializer_class = TaskRow
    filters = TaskFilters

    def rows(self) -> Any:
        return super().rows().prefetch_related("fallbacks__model")

    def add(self, body: Any) -> Task:
        fallbacks = body.validated_data.pop("fallbacks", [])
        task: Task = body.apply(Task(tenant=self.visit.tenant))
        routes.save_task(task, fallbacks)
        return task

    def change(self, row: Task, body: Any) -> None:
        fallbacks = body.validated_data.pop("fallbacks", None)
        routes.save_task(body.apply(row), fallbacks)


class ContextRow(Owned):
    class Meta:
        model = ContextPolicy
        exclude = ["tenant"]
        read_only_fields = ["id"]

    def validate_task(self, task: Task) -> Task:
        """A policy is part of its task, and stays with it."""
        if self.instance is not None and task.pk != self.instance.task_id:
            raise serializers.ValidationError(_("A policy stays with its task."))
        if task.tenant_id is None:
            raise serializers.ValidationError(_("This task is the operator's; make one of your own."))
        return task


class ContextFilters(Filters):
    task = serializers.UUIDField(source="task_id", required=False)


class ContextPolicies(Shared):
    subject = "tasks"
    model = ContextPolicy
    serializer_class = ContextRow
    filters = ContextFilters

    def add(self, body: Any) -> ContextPolicy:
        policy: ContextPolicy = body.apply(ContextPolicy(tenant=self.visit.tenant))
        context_policies.save(policy)
        return policy

    def change(self, row: ContextPolicy, body: Any) -> None:
        context_policies.save(body.apply(row))


class TargetRow(Strict):
    model = serializers.PrimaryKeyRelatedField(queryset=Model.objects)
    weight = serializers.IntegerField(default=1, min_value=0, max_value=1_000_000)


class RuleRow(Owned):
    targets = TargetRow(many=True, required=False)
    metadata = serializers.DictField(child=serializers.CharField(max_length=500), required=False)
    needs = serializers.ListField(child=serializers.ChoiceField(RoutingRule.Need.choices), required=False)
    weekdays = serializers.ListField(
        child=serializers.IntegerField(min_value=0, max_value=6),
        required=False,
        help_text="0 is Monday. None: every day.",
    )
    sentence = serializers.SerializerMethodField(help_text="What it says, in words.")

    class Meta:
        model = RoutingRule
        editable = [
            "name", "position", "tasks", "requested_models", "tiers", "tags", "metadata", "min_input_tokens",
            "max_input_tokens", "needs", "weekdays", "from_time", "to_time", "budget", "budget_share", *CHOOSING,
            "targets", "is_active",
        ]  # fmt: skip
        fields = ["id", *editable, "sentence", "is_own"]
        read_only_fields = ["id"]

    def get_sentence(self, rule: RoutingRule) -> str:
        targets = list(rule.targets.all())
        names, weights = [item.model.name for item in targets], [item.weight for item in targets]
        return sentences.rule(rule.conditions(), rule.choice(), names, weights)


class RuleFilters(OwnedFilters):
    name = serializers.CharField(required=False)


class Order(Strict):
    rules = serializers.ListField(
        child=serializers.UUIDField(),
        max_length=1000,
        help_text="All of the tenant's own, in the order in which they are asked.",
    )


class Oddities(serializers.Serializer[Any]):
    oddities = serializers.ListField(child=serializers.CharField())


class Rules(Shared):
    subject = "rules"
    model = RoutingRule
    serializer_class = RuleRow
    filters = RuleFilters
    ordering = ("position", "id")

    def rows(self) -> Any:
        return super().rows().prefetch_related("targets__model")

    def add(self, body: Any) -> RoutingRule:
        targets = body.validated_data.pop("targets", [])
        rule: RoutingRule = body.apply(RoutingRule(tenant=self.visit.tenant))
        routes.save_rule(rule, [Target(**item) for item in targets])
        return rule

    def change(self, row: RoutingRule, body: Any) -> None:
        targets = body.validated_data.pop("targets", None)
        routes.save_rule(body.apply(row), None if targets is None else [Target(**item) for item in targets])

    @extend_schema(request=Order, responses=RuleRow(many=True))
    @action(detail=False, methods=["post"], right="change")
    def order(self, request: Request) -> Response:
        """Put the tenant's own rules in order: the first that matches decides."""
        routes.order_rules(self.visit.tenant, self.body(Order).validated_data["rules"])
        own = self.get_queryset().filter(tenant=self.visit.tenant).order_by("position", "id")
        return self.page_of(own)

    @extend_schema(responses=Oddities)
    @action(detail=True, methods=["get"])
    def oddities(self, request: Request, pk: Any) -> Response:
        """What is odd about it among the rules it is in force with, such as that another one is always asked before."""
        return Response({"oddities": routing_checks.oddities_of(self.row())})
