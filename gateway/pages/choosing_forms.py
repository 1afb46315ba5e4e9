"""What the forms of rules and of tasks have in common: a chain of models, how one of them is chosen, and what happens when they fail.

The words are for people who set them; what is allowed say the rows and `gateway.routing_checks`, through the verbs.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from gateway.models import RoutingRule
from gateway.pages.chain_field import ChainField, Line, choices, offered
from gateway.routing_rules import Link
from tenants.admin.plain_forms import PlainForm

Strategy = RoutingRule.Strategy
STRATEGIES = (
    (Strategy.FIXED, _("the first; the next one only if it fails")),
    (Strategy.CHEAPEST, _("the cheapest for this request")),
    (Strategy.FASTEST, _("the fastest of late")),
    (Strategy.WEIGHTED, _("each for its share of the conversations (A/B)")),
    (Strategy.CASCADE, _("the first, and a better one if its answer is not good enough")),
)
CHOOSING = (
    "strategy", "quality_floor", "max_request_usd", "cascade_threshold", "cascade_target", "first_byte_ms",
    "replays_when_down", "replay_similarity", "escapes_refusals",
)  # fmt: skip
WITH_DEFAULTS = ("strategy", "cascade_target", "replay_similarity")
LABELS = {
    "strategy": _("Answer with"),
    "quality_floor": _("Only models of at least this quality"),
    "max_request_usd": _("At most, for one request (USD)"),
    "cascade_threshold": _("Accept the first answer if it is good with a probability of"),
    "cascade_target": _("Accept at most so many wrong answers (%)"),
    "first_byte_ms": _("Give a model up when nothing comes for (ms)"),
    "replays_when_down": _("When all of them fail, give an earlier answer to the same question"),
    "replay_similarity": _("Take a question for the same from a similarity of"),
    "escapes_refusals": _("When a model refuses for its content policy, ask the next one"),
}
HELP = {
    "strategy": "",
    "quality_floor": _("0 to 100, as the models are rated; those below, or not rated, are left out. Empty: any."),
    "max_request_usd": _("By the expected cost; models that would cost more are left out. Empty: any."),
    "cascade_threshold": _("0 to 1. Empty: worked out from labelled answers, for the share in the next field."),
    "cascade_target": "",
    "replays_when_down": _("It is marked as given before."),
    "replay_similarity": _("0.5 to 1, where 1 is the very same."),
    "escapes_refusals": "",
}


class ChoosingForm(PlainForm, forms.ModelForm):  # type: ignore[type-arg]  # not to be subscripted at run time
    """`chain_name` is what the verbs call the chain when they refuse it."""

    chain_name = ""
    chain_label: Any = ""
    strategies: Sequence[tuple[Any, Any]] = STRATEGIES

    def __init__(self, data: Any = None, *, instance: Any, links: Sequence[Link], now: Any) -> None:
        super().__init__(data, instance=instance)
        self.initial = {name: _plainly(value) for name, value in self.initial.items()}
        models = offered([link.model for link in links])
        self.fields["chain"] = ChainField(
            models=models,
            label=self.chain_label,
            initial=[Line(str(link.model.pk), str(link.weight)) for link in links],
        )
        self.model_choices = choices(models, now)
        fields: Any = self.fields
        for name, field in fields.items():
            field.label = LABELS.get(name, field.label)
            field.help_text = HELP.get(name, field.help_text)
            if name in WITH_DEFAULTS:
                field.required = False
            if not isinstance(field.widget, forms.CheckboxInput | forms.CheckboxSelectMultiple | forms.RadioSelect):
                field.widget.attrs["class"] = "tg-input"
            if field.help_text:
                field.widget.attrs["aria-describedby"] = f"id_{name}_helptext id_{name}_error"
            else:
                field.widget.attrs["aria-describedby"] = f"id_{name}_error"
        fields["strategy"].choices = self.strategies

    def lines(self) -> list[Line]:
        """The chain as the page shows it; a new one has one line to begin with."""
        return self["chain"].value() or [Line()]

    def blank(self) -> Line:
        return Line()

    def clean(self) -> dict[str, Any]:
        """What was left away has its default."""
        cleaned: dict[str, Any] = super().clean() or {}
        fresh = RoutingRule()
        for name in WITH_DEFAULTS:
            if cleaned.get(name) in (None, "") and not self.has_error(name):
                cleaned[name] = getattr(fresh, name)
        return cleaned

    def links(self) -> list[Link]:
        """Of a valid form."""
        found: list[Link] = self.cleaned_data["chain"]
        return found

    def refuse(self, error: ValidationError) -> None:
        """What a verb says, beside the fields it is about."""
        by_field = error.error_dict if hasattr(error, "error_dict") else {"__all__": error.error_list}
        for field, messages in by_field.items():
            place = "chain" if field in (self.chain_name, "default_model", "model") else field
            if place not in self.fields:
                self.add_error(None, messages)
            elif not self.has_error(place):
                self.add_error(place, messages)


def _plainly(value: Any) -> Any:
    """An amount without the zeros at its end that only the column has."""
    if not isinstance(value, Decimal):
        return value
    return value.normalize() if value % 1 else value.to_integral_value()
