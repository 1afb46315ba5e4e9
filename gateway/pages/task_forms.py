"""The form of a task: what it is called, and the models that answer it."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from gateway.models import Task
from gateway.pages.choosing_forms import CHOOSING, STRATEGIES, ChoosingForm, Strategy


class TaskForm(ChoosingForm):
    chain_name = "fallbacks"
    chain_label = _("These models")
    strategies = tuple(
        item for item in STRATEGIES if item[0] != Strategy.WEIGHTED
    )  # only a rule's targets have weights

    class Meta:
        model = Task
        fields = ("name", "slug", "description", "urgency", "likely_output_tokens", *CHOOSING)
        widgets = {"description": forms.Textarea(attrs={"rows": 2}), "slug": forms.TextInput()}
        labels = {
            "name": _("Name"),
            "slug": _("Applications call it task/"),
            "description": _("What it is for"),
            "urgency": _("Does somebody wait for the answer?"),
            "likely_output_tokens": _("An answer usually has (tokens)"),
        }
        help_texts = {
            "slug": _("Letters, digits, - and _. Applications that ask for it have to be changed with it."),
            "likely_output_tokens": _("Expected costs are worked out with it."),
        }

    def __init__(self, data: Any = None, **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        fields: Any = self.fields
        fields["urgency"].choices = [
            (Task.Urgency.REAL_TIME, _("Yes: a model is given up after 5 s without a word")),
            (Task.Urgency.BACKGROUND, _("No, it runs in the background: after 15 s")),
        ]
        fields["first_byte_ms"].help_text = _("Empty: 5 s if somebody waits, 15 s if nobody does.")
        fields["likely_output_tokens"].required = False

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        if cleaned.get("likely_output_tokens") is None and not self.has_error("likely_output_tokens"):
            cleaned["likely_output_tokens"] = Task().likely_output_tokens
        return cleaned
