"""The form of a routing rule: what a request must be like, and which models it then goes to."""

from __future__ import annotations

from typing import Any

from django import forms
from django.db.models import F
from django.utils.translation import gettext_lazy as _

from billing.models import Budget
from gateway.admin.fields import NumbersOf, Pairs, SeveralOf, Words
from gateway.models import RoutingRule, Task
from gateway.pages.choosing_forms import CHOOSING, ChoosingForm


def _field(name: str) -> Any:
    return RoutingRule._meta.get_field(name)


def _words(name: str, placeholder: str) -> Words:
    return Words(field=_field(name), widget=forms.TextInput(attrs={"placeholder": placeholder}))


def _time() -> forms.TimeInput:
    return forms.TimeInput(attrs={"type": "time"}, format="%H:%M")


class RuleForm(ChoosingForm):
    chain_name = "targets"
    chain_label = _("These models")

    tasks = forms.MultipleChoiceField(
        label=_("It asks for a task"), required=False, widget=forms.CheckboxSelectMultiple
    )
    requested_models = _words("requested_models", "gpt-4*, claude-sonnet-5")
    tiers = _words("tiers", "free, paid")
    tags = _words("tags", "batch, nightly")
    metadata = Pairs(field=_field("metadata"), widget=forms.TextInput(attrs={"placeholder": "plan = pro"}))
    needs = SeveralOf(RoutingRule.Need, field=_field("needs"), widget=forms.CheckboxSelectMultiple)
    weekdays = NumbersOf(RoutingRule.Weekday, field=_field("weekdays"), widget=forms.CheckboxSelectMultiple)
    budget = forms.ChoiceField(label=_("This budget"), required=False)

    class Meta:
        model = RoutingRule
        fields = (
            "name", "tasks", "requested_models", "tiers", "tags", "metadata", "min_input_tokens", "max_input_tokens",
            "needs", "weekdays", "from_time", "to_time", "budget", "budget_share", *CHOOSING,
        )  # fmt: skip
        widgets = {"from_time": _time(), "to_time": _time()}
        labels = {
            "name": _("Call it"),
            "min_input_tokens": _("Its input has from (tokens)"),
            "max_input_tokens": _("up to (tokens)"),
            "from_time": _("from"),
            "to_time": _("until"),
            "budget_share": _("A budget is used from (%)"),
        }
        help_texts = {"name": _("As answers, the request log and explanations name it."), "to_time": "", "budget": ""}

    def __init__(self, data: Any = None, **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        fields: Any = self.fields
        rule: RoutingRule = self.instance
        slugs = list(dict.fromkeys(_tasks().values_list("slug", flat=True)))
        slugs += [slug for slug in rule.tasks if slug not in slugs]  # one that is gone stays to be seen, and taken out
        fields["tasks"].choices = [(slug, f"task/{slug}") for slug in slugs]
        names = list(Budget.objects.filter(tenant=rule.tenant).order_by("name").values_list("name", flat=True))
        names += [rule.budget] if rule.budget and rule.budget not in names else []
        fields["budget"].choices = [("", _("any budget")), *((name, name) for name in names)]
        for name, label in {
            "requested_models": _("It asks for a model by name"),
            "tiers": _("Its end user is of tier"),
            "tags": _("It carries a tag"),
            "metadata": _("Its metadata says"),
            "needs": _("It needs"),
            "weekdays": _("It comes on"),
        }.items():
            fields[name].label = label
        fields["requested_models"].help_text = _(
            "One of these; * stands for anything. A request names a task or a model."
        )
        fields["tiers"].help_text = fields["tags"].help_text = _("One of these.")
        fields["metadata"].help_text = _("All of these.")
        fields["needs"].help_text = ""
        fields["weekdays"].help_text = _(
            "In your time zone. Hours over midnight belong to the day on which they begin. None ticked: every day."
        )

    @property
    def extra_conditions(self) -> int:
        """How many of the rarer conditions are set, or wrong, so that their part of the form is open."""
        rare = (
            "metadata", "min_input_tokens", "max_input_tokens", "needs", "weekdays", "from_time", "to_time", "budget_share",
        )  # fmt: skip
        return sum(bool(self[name].value() or self[name].errors) for name in rare)


def _tasks() -> Any:
    """The console's tenant's own first."""
    return Task.objects.order_by(F("tenant_id").asc(nulls_last=True), "slug")
