"""Form fields and inlines that several pages use."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Choices
from django.http import HttpRequest
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _
from unfold.forms import PaginationInlineFormSet
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldAdminTextInputWidget

from gateway import routing_checks
from tenants.admin.base import PartInline


class SeveralOf(forms.MultipleChoiceField):
    """Checkboxes for an array of choices."""

    widget = UnfoldAdminCheckboxSelectMultipleWidget

    def __init__(self, choices: type[Choices], *, field: Any, **kwargs: Any) -> None:
        kwargs.setdefault("required", False)  # the row itself says what is wrong with none
        super().__init__(
            choices=choices.choices, label=capfirst(field.verbose_name), help_text=field.help_text, **kwargs
        )


class NumbersOf(SeveralOf):
    """As `SeveralOf`, for choices that are whole numbers."""

    def clean(self, value: Any) -> list[int]:
        return sorted(int(item) for item in super().clean(value))

    def has_changed(self, initial: Any, data: Any) -> bool:
        return sorted(map(str, initial or [])) != sorted(map(str, data or []))


class Words(forms.Field):
    """Words separated by commas, once each, in the order given."""

    widget = UnfoldAdminTextInputWidget

    def __init__(self, *, field: Any, **kwargs: Any) -> None:
        self.max_length = field.base_field.max_length
        super().__init__(required=False, label=capfirst(field.verbose_name), help_text=field.help_text, **kwargs)

    def prepare_value(self, value: Any) -> Any:
        return ", ".join(value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> list[str]:
        words = value if isinstance(value, list) else str(value or "").split(",")
        kept = list(dict.fromkeys(word.strip() for word in words if word.strip()))
        for word in kept:
            if len(word) > self.max_length:
                raise ValidationError(_("“%(word)s” is too long."), params={"word": word})
        return kept

    def has_changed(self, initial: Any, data: Any) -> bool:
        return list(initial or []) != self.to_python(data)


class Pairs(forms.Field):
    """Names with values: plan = pro, region = eu."""

    widget = UnfoldAdminTextInputWidget

    def __init__(self, *, field: Any, **kwargs: Any) -> None:
        super().__init__(required=False, label=capfirst(field.verbose_name), help_text=field.help_text, **kwargs)

    def prepare_value(self, value: Any) -> Any:
        return ", ".join(f"{name} = {item}" for name, item in value.items()) if isinstance(value, dict) else value

    def to_python(self, value: Any) -> dict[str, str]:
        pairs: dict[str, str] = {}
        for item in str(value or "").split(","):
            name, sign, wanted = (part.strip() for part in item.partition("="))
            if item.strip() and not (name and sign and wanted):
                raise ValidationError(
                    _("“%(item)s” is no pair. Write them like this: plan = pro, region = eu"),
                    params={"item": item.strip()},
                )
            if name in pairs:
                raise ValidationError(_("“%(name)s” stands there twice."), params={"name": name})
            if item.strip():
                pairs[name] = wanted
        return pairs

    def has_changed(self, initial: Any, data: Any) -> bool:
        try:
            return (initial or {}) != self.to_python(data)
        except ValidationError:
            return True


class ChainFormSet(PaginationInlineFormSet):
    """Models in the order in which they are tried. One without a position goes to the end.

    Refuses models that the row they belong to cannot choose among (`gateway.routing_checks`).
    """

    def clean(self) -> None:
        super().clean()
        forms_kept = [form for form in self.forms if not self._should_delete_form(form) and form.cleaned_data]
        positions = [form.cleaned_data.get("position") for form in forms_kept]
        last = max((position for position in positions if position is not None), default=0)
        for form, position in zip(forms_kept, positions, strict=True):
            if position is None:
                last += 1
                form.instance.position = last
        if not any(self.errors):
            self._check([form.instance for form in sorted(forms_kept, key=lambda form: form.instance.position)])

    def _check(self, links: list[Any]) -> None:
        row: Any = self.instance
        chain = [(link.model, getattr(link, "weight", 1)) for link in links if link.model_id is not None]
        first = getattr(row, "default_model_id", None)
        if first is not None:
            chain.insert(0, (row.default_model, 1))
        elif hasattr(row, "default_model_id"):
            return  # its own form says what is missing
        refusals = routing_checks.chain_refusals(row, chain)
        if refusals:
            raise ValidationError([ValidationError(text) for text in refusals])


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
