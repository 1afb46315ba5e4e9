"""Forms outside of the admin's own pages, as `console/field.html` shows them: help and errors are told to whoever listens."""

from __future__ import annotations

from typing import Any

from django import forms


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
