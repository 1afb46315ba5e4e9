"""Form fields and inlines that several pages use."""

from __future__ import annotations

from typing import Any

from django import forms
from django.db.models import TextChoices
from django.http import HttpRequest
from django.utils.text import capfirst
from unfold.forms import PaginationInlineFormSet
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from tenants.admin.base import PartInline


class SeveralOf(forms.MultipleChoiceField):
    """Checkboxes for an array of choices."""

    widget = UnfoldAdminCheckboxSelectMultipleWidget

    def __init__(self, choices: type[TextChoices], *, field: Any, **kwargs: Any) -> None:
        kwargs.setdefault("required", False)  # the row itself says what is wrong with none
        super().__init__(
            choices=choices.choices, label=capfirst(field.verbose_name), help_text=field.help_text, **kwargs
        )


class ChainFormSet(PaginationInlineFormSet):
    """Models in the order in which they are tried. One without a position goes to the end."""

    def clean(self) -> None:
        super().clean()
        forms_kept = [form for form in self.forms if not self._should_delete_form(form) and form.cleaned_data]
        positions = [form.cleaned_data.get("position") for form in forms_kept]
        last = max((position for position in positions if position is not None), default=0)
        for form, position in zip(forms_kept, positions, strict=True):
            if position is None:
                last += 1
                form.instance.position = last


class ChainInline(PartInline):
    """Models in order, sorted by dragging or by their numbers."""

    formset = ChainFormSet
    fields = ["position", "model"]
    autocomplete_fields = ["model"]
    ordering_field = "position"
    ordering = ["position"]

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("model__provider", "model__tenant")

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if db_field.name == "position" and field is not None:
            field.required, field.initial = False, None
            field.widget.attrs["placeholder"] = "…"
        return field
