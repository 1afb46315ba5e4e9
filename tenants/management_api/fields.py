"""What bodies and queries are made of. What is not known is refused, so that a misspelt limit is not taken for none."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.db import models
from django.http import QueryDict
from django.utils.translation import gettext as _
from rest_framework import serializers


class Strict(serializers.Serializer[Any]):
    """Refuses fields that there are not, and those that are only read; and numbers for texts and truths, which DRF would take for some."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, dict):
            unknown = {
                str(name): [_("This is only read, never written.") if name in self.fields else _("Unknown field.")]
                for name in data
                if name not in self.fields or self.fields[name].read_only
            }
            if unknown:
                raise serializers.ValidationError(unknown)
            mistaken = {name: told for name, value in data.items() if (told := _mistaken(self.fields[name], value))}
            if mistaken:
                raise serializers.ValidationError(mistaken)
        return super().to_internal_value(data)


def _mistaken(field: Any, value: Any) -> Any:
    """What is wrong with the kind of a value, as DRF tells errors; nothing, where the field itself looks."""
    if isinstance(field, serializers.ListField) and isinstance(value, list):
        return {index: told for index, item in enumerate(value) if (told := _mistaken(field.child, item))}
    if isinstance(value, (int, float)) and isinstance(field, serializers.CharField):
        return [str(field.error_messages["invalid"])]
    if not isinstance(value, bool) and value is not None and isinstance(field, serializers.BooleanField):
        return [str(field.error_messages["invalid"]).format(input=value)]
    return []


class Row(Strict, serializers.ModelSerializer[Any]):
    """A row as the API shows and takes it. Whether it may be saved as a whole is the verbs' to say, not checked here."""

    serializer_field_mapping = {**serializers.ModelSerializer.serializer_field_mapping}

    def get_validators(self) -> list[Any]:
        return []

    def apply(self, row: Any) -> Any:
        """Put what was given into the row."""
        for name, value in self.validated_data.items():
            setattr(row, name, value)
        return row


class Money(serializers.DecimalField):
    """USD as a text, with the digits that it has. Texts and numbers are taken."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"max_digits": 28, "decimal_places": 9, "normalize_output": True, **kwargs})


class Nanousd(serializers.CharField):
    """Nano-dollars, told as `Money` tells USD."""

    def to_representation(self, value: Any) -> str:
        return f"{Decimal(value).scaleb(-9).normalize():f}"


class Filters(serializers.Serializer[Any]):
    """What a list may be narrowed by. A field's `source` is the lookup."""

    def given_twice(self, params: QueryDict) -> dict[str, list[str]]:
        """What is wrong with parameters that have one value and came with several: Django would take the last, others the first."""
        return {
            name: [_("Give it once.")]
            for name, values in params.lists()
            if len(values) > 1 and not isinstance(self.fields.get(name), serializers.ListField)
        }


class IsOwn(serializers.BooleanField):
    """A filter: the tenant's own rows, or the operator's beside them."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(source="tenant__isnull", **kwargs)

    def to_internal_value(self, data: Any) -> bool:
        return not super().to_internal_value(data)


class PlainDecimal(serializers.DecimalField):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{**kwargs, "normalize_output": True})


Row.serializer_field_mapping[models.DecimalField] = PlainDecimal
