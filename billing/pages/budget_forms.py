"""The form that is a sentence: “Block when [all users of a tier together] [free] use more than [50] [USD] [a day]”, and that of a raise.

It parses what was typed. What is allowed says `billing.budgets`; `refuse` puts that beside the fields.
"""

from __future__ import annotations

import datetime as dt
from typing import Any
from uuid import UUID

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from billing import limits, subjects
from billing.budgets import Values
from billing.models import AlertChannel, Budget
from billing.percentages import Percentages
from tenants.admin.plain_forms import put_beside
from tenants.models import Tenant

Metric, Window = Budget.Metric, Budget.Window
ONE, EACH = "one", "each"
WHO = (
    ("tenant", _("the whole tenant")),
    (_("API keys"), ((f"key:{EACH}", _("each API key by itself")), (f"key:{ONE}", _("the API key")))),
    (
        _("End users"),
        (
            (f"end_user:{EACH}", _("each end user by itself")),
            (f"end_user:{ONE}", _("the end user")),
            (f"tier:{ONE}", _("all users of the tier")),
        ),
    ),
    (_("Tasks"), ((f"task:{EACH}", _("each task by itself")), (f"task:{ONE}", _("the task")))),
    (_("Models"), ((f"model:{EACH}", _("each model by itself")), (f"model:{ONE}", _("the model")))),
    (_("Tags"), ((f"tag:{EACH}", _("each tag by itself")), (f"tag:{ONE}", _("the tag")))),
)
UNITS = ((Metric.USD, _("US dollars")), (Metric.TOKENS, _("tokens")), (Metric.REQUESTS, _("requests")))
WINDOWS = (
    (Window.MINUTE, _("a minute")),
    (Window.HOUR, _("an hour")),
    (Window.DAY, _("a day")),
    (Window.WEEK, _("a week")),
    (Window.MONTH, _("a month")),
    (Window.TOTAL, _("in total")),
)
ALL, CHOSEN = "all", "chosen"
AUDIENCES = ((ALL, _("all alert channels")), (CHOSEN, _("only these:")))
SELECTED = (
    limits.KEY,
    limits.TIER,
    limits.TASK,
    limits.MODEL,
)  # chosen from a list; the others are typed, with suggestions
TYPED = (limits.END_USER, limits.TAG)
SUBJECTS = (*SELECTED, *TYPED)


class BudgetForm(forms.Form):
    """`subject_<dimension>` are the pickers; the one of the chosen dimension counts."""

    who = forms.ChoiceField(label=_("Who or what"), choices=WHO, initial="tenant")
    amount = forms.DecimalField(label=_("Amount"), min_value=0, max_digits=22, decimal_places=6)
    metric = forms.ChoiceField(label=_("Unit"), choices=UNITS, initial=Metric.USD)
    window = forms.ChoiceField(label=_("Per"), choices=WINDOWS, initial=Window.MONTH)
    thresholds = Percentages(label=_("Alert at"), required=False, initial=[80])
    cheaper_at = forms.IntegerField(label=_("Cheaper model from"), required=False, min_value=1, max_value=99)
    cheaper_model = forms.ChoiceField(label=_("Cheaper model"), required=False)
    cached_only_at = forms.IntegerField(label=_("Cached answers only from"), required=False, min_value=1, max_value=99)
    audience = forms.ChoiceField(label=_("Who is told"), choices=AUDIENCES, initial=ALL)
    channels = forms.MultipleChoiceField(label=_("Alert channels"), required=False, widget=forms.CheckboxSelectMultiple)
    name = forms.CharField(label=_("Name"), required=False, max_length=80)

    def __init__(self, data: Any = None, *, tenant: Tenant, budget: Budget | None = None) -> None:
        # The list may show several of these forms at once.
        own = str(budget.pk) if budget is not None else "new"
        super().__init__(data, initial=initial(budget) if budget is not None else None, auto_id=f"{own}-%s")
        self.tenant, self.budget = tenant, budget
        for dimension in SUBJECTS:
            self.fields[f"subject_{dimension}"] = self._picker(dimension)
        offered = [(choice.value, choice.label) for choice in subjects.of(tenant, limits.MODEL)]
        present = budget.cheaper_model if budget is not None else ""
        self._field("cheaper_model").choices = [
            ("", _("the cheapest model of the route")),
            *offered,
            *self._gone(present, offered),
        ]
        rows = AlertChannel.objects.filter(tenant=tenant).order_by("name").values_list("pk", "name")
        self._field("channels").choices = [(str(pk), name) for pk, name in rows]
        for name, field in self.fields.items():
            field.widget.attrs |= {"class": "tg-input", "aria-label": str(field.label)}
            if name in ("cheaper_at", "cached_only_at"):
                field.widget.attrs["placeholder"] = _("never")
            if name.removeprefix("subject_") in TYPED:
                field.widget.attrs |= {"list": f"{own}-{name}-names", "autocomplete": "off"}

    def pickers(self) -> list[forms.BoundField]:
        return [self[f"subject_{dimension}"] for dimension in SUBJECTS]

    def _field(self, name: str) -> Any:
        return self.fields[name]

    def _picker(self, dimension: str) -> forms.Field:
        label = str(Budget.Scope(dimension).label)
        if dimension in TYPED:
            return forms.CharField(label=label, required=False, max_length=200)
        offered = [(choice.value, choice.label) for choice in subjects.of(self.tenant, dimension)]
        present = self.budget.counted_subject if self.budget is not None and self.budget.scope == dimension else ""
        name = str(self.budget.api_key) if self.budget is not None and dimension == limits.KEY else present
        return forms.ChoiceField(
            label=label, required=False, choices=[("", _("choose…")), *offered, *self._gone(present, offered, name)]
        )

    @staticmethod
    def _gone(present: str, offered: list[tuple[str, str]], name: str = "") -> list[tuple[str, Any]]:
        """What the budget names though it is not offered any more stays to be seen and kept."""
        is_gone = present and present not in dict(offered)
        return [(present, _("%(name)s (no longer there)") % {"name": name or present})] if is_gone else []

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        dimension, _colon, which = cleaned.get("who", "").partition(":")
        if which == ONE and not cleaned.get(f"subject_{dimension}") and not self.has_error(f"subject_{dimension}"):
            self.add_error(f"subject_{dimension}", _("Choose which one."))
        return cleaned

    def values(self) -> Values:
        """What a valid form says."""
        told = self.cleaned_data
        dimension, _colon, which = told["who"].partition(":")
        subject = told[f"subject_{dimension}"].strip() if which == ONE else ""
        is_key = dimension == limits.KEY
        channel_ids = tuple(UUID(item) for item in told["channels"]) if told["audience"] == CHOSEN else None
        return Values(
            amount=told["amount"],
            name=told["name"].strip(),
            scope=dimension,
            api_key_id=UUID(subject) if is_key and subject else None,
            subject="" if is_key else subject,
            metric=told["metric"],
            window=told["window"],
            thresholds=tuple(told["thresholds"]),
            cheaper_at=told["cheaper_at"],
            cheaper_model=told["cheaper_model"],
            cached_only_at=told["cached_only_at"],
            channel_ids=channel_ids,
            is_active=self.budget.is_active if self.budget is not None else True,
        )

    def refuse(self, error: ValidationError) -> None:
        """What the row says of its own fields, beside the form's."""
        dimension = self.cleaned_data.get("who", "").partition(":")[0]
        places = {
            "scope": "who",
            "api_key": "subject_key",
            "subject": f"subject_{dimension}" if dimension in SUBJECTS else "who",
            "channel_ids": "channels",
        }
        put_beside(self, error, places)


class RaiseForm(forms.Form):
    """“Raise it to [80] until [date] because [reason]”. Times are in the tenant's zone."""

    amount = forms.DecimalField(label=_("Raise to"), min_value=0, max_digits=22, decimal_places=6)
    ends_at = forms.DateTimeField(
        label=_("until"), widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")
    )
    reason = forms.CharField(label=_("because"), max_length=200)

    def __init__(self, data: Any = None, *, ends_at: dt.datetime | None = None) -> None:
        super().__init__(data, initial={"ends_at": ends_at})
        for field in self.fields.values():
            field.widget.attrs |= {"class": "tg-input"}

    def refuse(self, error: ValidationError) -> None:
        put_beside(self, error)


def initial(budget: Budget) -> dict[str, Any]:
    """What the form of a budget shows."""
    amount = budget.amount
    which = "" if budget.scope == limits.TENANT else f":{ONE if budget.counted_subject else EACH}"
    return {
        "who": f"{budget.scope}{which}",
        f"subject_{budget.scope}": budget.counted_subject,
        "amount": amount.normalize() if amount % 1 else amount.to_integral_value(),
        "metric": budget.metric,
        "window": budget.window,
        "thresholds": list(budget.thresholds),
        "cheaper_at": budget.cheaper_at,
        "cheaper_model": budget.cheaper_model,
        "cached_only_at": budget.cached_only_at,
        "audience": ALL if budget.channel_ids is None else CHOSEN,
        "channels": [str(pk) for pk in budget.channel_ids or ()],
        "name": budget.name,
    }
