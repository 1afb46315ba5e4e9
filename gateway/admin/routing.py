"""Tasks with their chains, and rules with their targets."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.admin import display
from django.db.models import F, Prefetch, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import BooleanRadioFilter, ChoicesDropdownFilter

from gateway.admin.fields import ChainInline
from gateway.models import ContextPolicy, RoutingRule, RoutingTarget, Task, TaskFallback
from tenants.admin.base import PartStack, TenantScopedAdmin
from tenants.admin.filters import TenantFilter


def chain(names: list[str]) -> str:
    """Models in order, as one says it: “gpt-4o-mini, then claude-haiku”."""
    return _(", then ").join(names) if names else str(_("nothing: add a target"))


class TaskFallbackInline(ChainInline):
    model = TaskFallback


class ContextPolicyInline(PartStack):
    model = ContextPolicy
    autocomplete_fields = ["summary_model"]
    fieldsets = [
        (None, {"fields": ["is_active"]}),
        (_("What goes"), {"fields": [("keep_messages", "block_messages"), ("fits_budget", "max_input_tokens")]}),
        (
            _("What comes back"),
            {
                "fields": [
                    "relevant_turns",
                    ("least_similarity_percent", "embedding_wait_ms"),
                    "summarises",
                    ("summary_model", "summary_tokens"),
                ]
            },
        ),
        (_("What is said for nothing"), {"fields": ["collapses_whitespace", "drops_repetition"]}),
    ]


@admin.register(Task)
class TaskAdmin(TenantScopedAdmin):
    is_shared = True
    fixed_tenant_field = "owner"
    deletion_hint = _("Switch the task off instead, if applications may still ask for it.")
    list_display = ["called", "name", "owner", "models", "urgency", "is_active"]
    list_display_links = ["called"]
    list_filter = [TenantFilter, ("urgency", ChoicesDropdownFilter), ("is_active", BooleanRadioFilter)]
    search_fields = ["slug", "name", "description"]
    search_help_text = _("Slug, name or description")
    autocomplete_fields = ["tenant", "default_model"]
    inlines = [TaskFallbackInline, ContextPolicyInline]
    fieldsets = [
        (
            None,
            {
                "fields": ["tenant", "slug", "name", "description", "urgency", "is_active"],
                "description": _("Applications ask for task/&lt;slug&gt; and leave the model to Tollgate."),
            },
        ),
        (
            _("Models"),
            {
                "fields": ["default_model"],
                "description": _("The default model answers. When it fails, the fallbacks below are tried in order."),
            },
        ),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Task]:
        tasks: QuerySet[Task] = super().get_queryset(request)
        fallbacks = TaskFallback.objects.order_by("position").select_related("model__tenant")
        return tasks.select_related("tenant", "default_model__tenant").prefetch_related(
            Prefetch("fallbacks", fallbacks)
        )

    @display(description=_("Called as"), ordering="slug")
    def called(self, task: Task) -> str:
        return f"task/{task.slug}"

    @display(description=_("Models"))
    def models(self, task: Task) -> str:
        return chain([task.default_model.name, *(fallback.model.name for fallback in task.fallbacks.all())])


class RoutingTargetInline(ChainInline):
    model = RoutingTarget


@admin.register(RoutingRule)
class RoutingRuleAdmin(TenantScopedAdmin):
    is_shared = True
    fixed_tenant_field = "owner"
    list_display = ["name", "owner", "position", "sentence", "is_active"]
    list_display_links = ["name"]
    list_editable = ["position"]
    list_filter = [TenantFilter, ("is_active", BooleanRadioFilter)]
    search_fields = ["name", "requested_model", "task__slug"]
    search_help_text = _("Name, task or requested model")
    autocomplete_fields = ["tenant", "task"]
    inlines = [RoutingTargetInline]
    fieldsets = [
        (
            None,
            {
                "fields": ["tenant", "name", "position", "is_active"],
                "description": _(
                    "The first rule that matches decides. A tenant's own rules are asked before the operator's; "
                    "among each, the lower position first."
                ),
            },
        ),
        (
            _("If a request is for"),
            {
                "fields": ["task", "requested_model"],
                "description": _("One of the two, or neither: then the rule takes every request."),
            },
        ),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[RoutingRule]:
        rules: QuerySet[RoutingRule] = super().get_queryset(request)
        targets = RoutingTarget.objects.order_by("position").select_related("model__tenant")
        return rules.select_related("tenant", "task").prefetch_related(Prefetch("targets", targets))

    def get_ordering(self, request: HttpRequest) -> list[Any]:
        """The order in which they are asked."""
        return [F("tenant__name").asc(nulls_last=True), "position", "name"]

    @display(description=_("If → then"))
    def sentence(self, rule: RoutingRule) -> str:
        condition = f"task/{rule.task.slug}" if rule.task else rule.requested_model or str(_("every request"))
        return f"{condition} → {chain([target.model.name for target in rule.targets.all()])}"
