"""Forms outside of the admin's own pages, as `console/field.html` shows them: help and errors are told to whoever listens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError


class PlainForm(forms.BaseForm):
    """A mixin. The place for a field's errors is there before there are any, so that an answer may fill it later."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("label_suffix", "")
        super().__init__(*args, **kwargs)
        for name, field in self.fields.items():
            if not field.widget.is_hidden:
                label_id = f"id_{self.add_prefix(name)}"
                ids = [f"{label_id}_helptext"] if field.help_text else []
                field.widget.attrs["aria-describedby"] = " ".join([*ids, f"{label_id}_error"])

    def refuse(self, error: ValidationError) -> None:
        """What a verb says."""
        put_beside(self, error)


def put_beside(form: forms.BaseForm, error: ValidationError, places: Mapping[str, str] | None = None) -> None:
    """Each message beside the field it is about, or the one that `places` names instead; what is about none, or about one that the form has
    not, on top."""
    by_field = error.error_dict if hasattr(error, "error_dict") else {"": [error]}
    for field, messages in by_field.items():
        place = (places or {}).get(field, field)
        form.add_error(place if place in form.fields else None, messages)
