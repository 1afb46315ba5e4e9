"""The addresses of statements within a tenant's console: statements/<yyyy-mm>/."""

from __future__ import annotations

import datetime as dt

from django.urls import path, register_converter

from billing import views


class MonthConverter:
    """`2026-11` as the month's first day."""

    regex = "2[0-9]{3}-(?:0[1-9]|1[0-2])"

    def to_python(self, value: str) -> dt.date:
        return dt.date.fromisoformat(f"{value}-01")

    def to_url(self, value: dt.date) -> str:
        return f"{value:%Y-%m}"


register_converter(MonthConverter, "month")

app_name = "billing"
urlpatterns = [
    path("", views.current, name="statements"),
    path("<month:month>/", views.page, name="statement"),
    path("<month:month>/statement.csv", views.table, name="statement_csv"),
]
