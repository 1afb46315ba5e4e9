"""A choice of several out of many, or of all of them: a list to search and tick."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

LONG = 8  # items, from where on the list is searched


class Picker(forms.CheckboxSelectMultiple):
    """`all_label` is the choice of everything, also of what comes later; it stands for an empty list."""

    all_label: Any = ""

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        context = self.get_context(name, value, attrs)
        options = [option for _group, members, _index in context["widget"]["optgroups"] for option in members]
        told = {
            "name": name,
            "options": options,
            "all_label": self.all_label,
            "is_all": not value,
            "is_long": len(options) > LONG,
        }
        return render_to_string("console/picker.html", {**told, "attrs": context["widget"]["attrs"]})

    def value_from_datadict(self, data: Any, files: Any, name: str) -> Any:
        """None where everything is chosen."""
        picked = super().value_from_datadict(data, files, name)
        match data.get(f"{name}-mode"):
            case "all":
                return None
            case "only":
                return picked or []
        return picked or None


class Picked(forms.MultipleChoiceField):
    """The values that were ticked, in the order they are offered; empty for all. `choices` are (value, what it is).

    What is chosen now and no longer offered stays on offer, so that saving the form does not widen a right by leaving it out.
    """

    widget = Picker

    def __init__(
        self, *, all_label: Any, offered: Sequence[tuple[str, str]], chosen: Sequence[str], **kwargs: Any
    ) -> None:
        self.texts = dict(offered) | {value: _("no longer there") for value in chosen if value not in dict(offered)}
        super().__init__(choices=[(value, text) for value, text in self.texts.items()], required=False, **kwargs)
        self.widget.all_label = all_label

    def clean(self, value: Any) -> list[str]:
        if value is None:
            return []
        if not value:
            raise ValidationError(_("Tick at least one, or choose all."))
        asked = set(super().clean(value))
        return [item for item in self.texts if item in asked]

    def has_changed(self, initial: Any, data: Any) -> bool:
        return sorted(initial or []) != sorted(data or [])
