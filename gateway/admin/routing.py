"""Tasks with their chains of models."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.admin import display
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import BooleanRadioFilter, ChoicesDropdownFilter

from gateway.admin.choosing import CHOOSING, WHEN_MODELS_FAIL, ChoosingAdmin
from gateway.admin.fields import ChainInline
from gateway.models import ContextPolicy, RoutingRule, Task, TaskFallback
from gateway.routing import sentences
from tenants import sites
from tenants.admin.base import PartStack
from tenants.admin.filters import TenantFilter


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


@sites.register(Task)
class TaskAdmin(ChoosingAdmin):
    subject = "tasks"
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
                "fields": ["default_model", *CHOOSING, "likely_output_tokens"],
                "description": _(
                    "The default model answers, and when it fails, the fallbacks below in order; or the strategy orders all of them."
                ),
            },
        ),
        WHEN_MODELS_FAIL,
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Task]:
        tasks: QuerySet[Task] = super().get_queryset(request)
        fallbacks = TaskFallback.objects.order_by("position").select_related("model__tenant")
        return tasks.select_related("tenant", "default_model__tenant").prefetch_related(
            Prefetch("fallbacks", fallbacks)
        )

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        task, former = form.instance, form.initial.get("slug")
        if not change or "slug" not in form.changed_data:
            return
        rules = RoutingRule.objects.filter(tasks__contains=[former])
        if task.tenant_id is not None:
            rules = rules.filter(tenant=task.tenant)
        for name in rules.values_list("name", flat=True):
            text = _("Rule “%(rule)s” asks for task/%(task)s, which is called otherwise now.")
            self.message_user(request, text % {"rule": name, "task": former}, messages.WARNING)

    @display(description=_("Called as"), ordering="slug")
    def called(self, task: Task) -> str:
        return f"task/{task.slug}"

    @display(description=_("Models"))
    def models(self, task: Task) -> str:
        names = [task.default_model.name, *(fallback.model.name for fallback in task.fallbacks.all())]
        return sentences.chosen(task.choice(), names)
