"""Routing rules: if … then …, each as a sentence, and a page that explains where a request would go."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.admin import display
from django.db.models import F, Prefetch, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import BooleanRadioFilter, ChoicesDropdownFilter
from unfold.decorators import action
from unfold.widgets import UnfoldAdminSelect2MultipleWidget

from gateway import routing_checks
from gateway.admin import explain_page
from gateway.admin.choosing import CHOOSING, WHEN_MODELS_FAIL, WITH_DEFAULTS, ChoosingAdmin
from gateway.admin.fields import ChainInline, NumbersOf, Pairs, SeveralOf, Words
from gateway.models import RoutingRule, RoutingTarget, Task
from gateway.routing import sentences
from tenants import sites
from tenants.admin.base import WholeRowForm
from tenants.admin.filters import TenantFilter


def _field(name: str) -> Any:
    return RoutingRule._meta.get_field(name)


class RuleForm(WholeRowForm):
    requested_models = Words(field=_field("requested_models"))
    tiers = Words(field=_field("tiers"))
    tags = Words(field=_field("tags"))
    metadata = Pairs(field=_field("metadata"))
    needs = SeveralOf(RoutingRule.Need, field=_field("needs"))
    weekdays = NumbersOf(RoutingRule.Weekday, field=_field("weekdays"))

    class Meta:
        model = RoutingRule
        fields = "__all__"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        tasks: Any = self.fields.get("tasks")
        if tasks is not None:  # a task that is gone stays to be seen, and taken out
            known = {slug for slug, _label in tasks.choices}
            gone = [slug for slug in self.instance.tasks if slug not in known]
            tasks.choices = [*tasks.choices, *((slug, f"task/{slug}") for slug in gone)]

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]
        if not self.errors:
            for field, text in routing_checks.refusals(self.instance):
                self.add_error(field, text)


class RoutingTargetInline(ChainInline):
    model = RoutingTarget
    fields = ["position", "model", "weight"]

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if db_field.name in WITH_DEFAULTS and field is not None:
            field.required = False
        return field


@sites.register(RoutingRule)
class RoutingRuleAdmin(ChoosingAdmin):
    subject = "rules"
    form = RuleForm
    is_shared = True
    fixed_tenant_field = "owner"
    change_form_template = "admin/gateway/routingrule/change_form.html"
    list_display = ["name", "owner", "position", "sentence", "is_active"]
    list_display_links = ["name"]
    list_editable = ["position"]
    list_filter = [TenantFilter, ("strategy", ChoicesDropdownFilter), ("is_active", BooleanRadioFilter)]
    search_fields = ["name", "requested_models", "tasks", "tags"]
    search_help_text = _("Name, task, requested model or tag")
    autocomplete_fields = ["tenant"]
    inlines = [RoutingTargetInline]
    actions_list = ["explain"]
    fieldsets = [
        (
            None,
            {
                "fields": ["tenant", "name", "position", "is_active"],
                "description": _(
                    "The first rule that matches decides. A tenant's own rules are asked before the operator's; "
                    "among each, the lower position first. Rules are applied once."
                ),
            },
        ),
        (
            _("If a request …"),
            {
                "fields": [
                    "tasks",
                    "requested_models",
                    ("tiers", "tags"),
                    "metadata",
                    ("min_input_tokens", "max_input_tokens"),
                    "needs",
                    "weekdays",
                    ("from_time", "to_time"),
                    ("budget", "budget_share"),
                ],
                "description": _(
                    "All that is filled in must hold. With nothing filled in, the rule takes every request."
                ),
            },
        ),
        (
            _("… then choose among the targets below"),
            {"fields": CHOOSING},
        ),
        WHEN_MODELS_FAIL,
    ]

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "tasks":
            return forms.MultipleChoiceField(
                choices=self._tasks(request),
                required=False,
                label=_("Tasks"),
                help_text=db_field.help_text,
                widget=UnfoldAdminSelect2MultipleWidget,
            )
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def _tasks(self, request: HttpRequest) -> list[tuple[str, str]]:
        """Those that the person may see; which of them the rule's owner may use is checked when it is saved."""
        rows = self.admin_site._registry[Task].get_queryset(request).order_by("slug", F("tenant").asc(nulls_first=True))
        named: dict[str, str] = {}
        for task in rows:
            named.setdefault(task.slug, str(task))
        return list(named.items())

    def get_queryset(self, request: HttpRequest) -> QuerySet[RoutingRule]:
        rules: QuerySet[RoutingRule] = super().get_queryset(request)
        targets = RoutingTarget.objects.order_by("position").select_related("model")
        return rules.select_related("tenant").prefetch_related(Prefetch("targets", targets))

    def get_ordering(self, request: HttpRequest) -> list[Any]:
        """The order in which they are asked."""
        return [F("tenant__name").asc(nulls_last=True), "position", "name"]

    @display(description=_("If → then"))
    def sentence(self, rule: RoutingRule) -> str:
        targets = list(rule.targets.all())
        names = [target.model.name for target in targets]
        return sentences.rule(rule.conditions(), rule.choice(), names, [target.weight for target in targets])

    @action(description=_("Explain a request"), url_path="explain", icon="alt_route", permissions=["view"])
    def explain(self, request: HttpRequest) -> HttpResponse:
        """Where a request would go, and why. Calls nobody and changes nothing."""
        return explain_page.respond(request, self)
