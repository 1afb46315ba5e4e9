"""Months in addresses: `2026-11`."""

from __future__ import annotations

import datetime as dt

from django.urls import register_converter


class MonthConverter:
    """As the month's first day."""

    regex = "2[0-9]{3}-(?:0[1-9]|1[0-2])"

    def to_python(self, value: str) -> dt.date:
        return dt.date.fromisoformat(f"{value}-01")

    def to_url(self, value: dt.date) -> str:
        return f"{value:%Y-%m}"


register_converter(MonthConverter, "month")
