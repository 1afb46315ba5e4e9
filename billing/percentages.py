"""Percentages as people write them in a form."""

from __future__ import annotations

import re
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _


class Percentages(forms.Field):
    """Whole numbers from 1 to 99 in any order, once each, separated by commas."""

    def prepare_value(self, value: Any) -> Any:
        return ", ".join(str(item) for item in value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> list[int]:
        words = [word.strip().removesuffix("%").strip() for word in re.split("[,;]", str(value or ""))]
        for word in words:
            if word and not (word.isdecimal() and 1 <= int(word) <= 99):
                raise ValidationError(
                    _("“%(word)s” is no percentage from 1 to 99. Write them like this: 50, 80, 95"),
                    params={"word": word},
                )
        return sorted({int(word) for word in words if word})

    def has_changed(self, initial: Any, data: Any) -> bool:
        try:
            return sorted(initial or []) != self.to_python(data)
        except ValidationError:
            return True
