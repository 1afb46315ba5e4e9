"""What a query string asks of the dashboards' numbers. Unlike a page's address, what is not understood is refused."""

from __future__ import annotations

from dataclasses import fields
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _
from rest_framework import serializers

from dashboards import errors, ranges
from dashboards.filters import STATUS_CLASS
from dashboards.filters import Filters as Narrowed
from dashboards.measures import NAMES
from dashboards.metrics import METRICS
from dashboards.ranges import MONTH_TO_DATE, Range
from tenants.management_api.fields import Filters

DIMENSIONS = tuple(item.name for item in fields(Narrowed))
MOST_VALUES, LONGEST = 50, 256
MOST_GROUPS, MOST_LINES = 1000, 50  # in a table, and over time
DEFAULT_METRICS = ("requests", "errors", "cost_usd", "input_tokens", "output_tokens")
ORDERS = tuple(name for name in NAMES if name in METRICS)


class Words(serializers.ListField):
    """Given once with commas, or several times."""

    def to_internal_value(self, data: Any) -> list[Any]:
        words = [word.strip() for item in data for word in str(item).split(",")]
        found: list[Any] = super().to_internal_value(list(dict.fromkeys(word for word in words if word)))
        return found


def _values(name: str) -> serializers.ListField:
    child: Any = serializers.CharField(max_length=LONGEST, allow_blank=True)
    if name == "key":
        child = serializers.UUIDField()
    elif name == "status":
        child = serializers.RegexField(rf"{STATUS_CLASS.pattern}|^[1-5][0-9][0-9]\Z")
    elif name == "error":
        child = serializers.ChoiceField(errors.ALL)
    elif name == "stream":
        child = serializers.ChoiceField(["true", "false"])
    text = "Only those; given several times, any of them. Empty: those without."
    return serializers.ListField(child=child, required=False, max_length=MOST_VALUES, help_text=text)


class Question(Filters):
    metrics = Words(
        child=serializers.ChoiceField(list(METRICS)),
        default=list(DEFAULT_METRICS),
        allow_empty=False,
        help_text="Names, separated by commas; `/metrics/names` lists them.",
    )
    by = serializers.ChoiceField(DIMENSIONS, required=False, help_text="One line for each value of it.")
    steps = serializers.BooleanField(default=False, help_text="Also the values of each step of the range.")
    range = serializers.ChoiceField(
        [*ranges.PRESETS, MONTH_TO_DATE], required=False, help_text="Instead of `since`; without either, 24h."
    )
    since = serializers.DateTimeField(required=False)
    until = serializers.DateTimeField(required=False, help_text="Without it, now.")
    order = serializers.ChoiceField(ORDERS, default="requests", help_text="The values that have most of it come first.")
    limit = serializers.IntegerField(
        required=False, min_value=1, max_value=MOST_GROUPS, help_text="At most so many values: 100, or 8 with steps."
    )

    def get_fields(self) -> dict[str, Any]:
        return {**super().get_fields(), **{name: _values(name) for name in DIMENSIONS}}

    def validate(self, told: dict[str, Any]) -> dict[str, Any]:
        if "range" in told and ("since" in told or "until" in told):
            raise serializers.ValidationError({"range": _("Give either a range, or since and until.")})
        if "until" in told and "since" not in told:
            raise serializers.ValidationError({"since": _("Say when it begins, too.")})
        if told["steps"] and told.get("limit", 0) > MOST_LINES:
            raise serializers.ValidationError({"limit": _("With steps, at most %(most)s.") % {"most": MOST_LINES}})
        return told


class BadRange(ValueError):
    """The message is for people."""


def narrowed(told: dict[str, Any]) -> Narrowed:
    found = {name: tuple(map(_text, told[name])) for name in DIMENSIONS if told.get(name)}
    return Narrowed(**found)


def _text(value: Any) -> str:
    return str(value) if isinstance(value, UUID) else value.replace("\0", "")


def span(told: dict[str, Any], zone: ZoneInfo, now: Any) -> Range:
    """Raises `BadRange`."""
    if "since" not in told:
        return ranges.preset(told.get("range", "24h"), now, zone)
    try:
        found = ranges.custom(told["since"], told.get("until", now), now, zone)
        found.edges  # noqa: B018 - raises where there are too many
    except (ValueError, OverflowError) as error:
        raise BadRange(_("A range ends after it begins.")) from error
    return found
