"""Amounts and times as the pages write them."""

import datetime as dt
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from billing import figures

NOW = dt.datetime(2026, 11, 23, 17, 30, tzinfo=dt.UTC)
VIENNA = ZoneInfo("Europe/Vienna")


@pytest.mark.parametrize(
    ("amount", "written"),
    [
        ("0", "$0.00"),
        ("34.109", "$34.10"),
        ("1234567.899", "$1,234,567.89"),
        ("0.01", "$0.01"),
        ("0.0099", "$0.0099"),
        ("0.0008459", "$0.00084"),
        ("0.000000001", "$0.000000001"),
        ("0.0010", "$0.001"),
    ],
)
def test_money_has_cents_or_the_two_digits_that_count(amount: str, written: str):
    assert figures.usd(Decimal(amount)) == written


@pytest.mark.parametrize(
    ("metric", "number", "written"),
    [
        ("usd", 34_567_000_000, "$34.56"),
        ("usd", 1_234_567_000_000, "$1,230"),
        ("tokens", 15_812_345, "15,800,000"),
        ("requests", 42.4, "42"),
    ],
)
def test_an_expectation_has_three_digits_that_count(metric: str, number: float, written: str):
    assert figures.about(metric, number) == written


@pytest.mark.parametrize(
    ("at", "written"),
    [
        (dt.datetime(2026, 11, 23, 22, 15, tzinfo=dt.UTC), "today 23:15"),
        (dt.datetime(2026, 11, 23, 23, 15, tzinfo=dt.UTC), "tomorrow 00:15"),
        (dt.datetime(2026, 11, 26, 13, 0, tzinfo=dt.UTC), "Thu 14:00"),
        (dt.datetime(2027, 3, 12, 13, 0, tzinfo=dt.UTC), "12 March"),
    ],
)
def test_a_moment_to_come_is_as_exact_as_it_is_near(at: dt.datetime, written: str):
    assert figures.soon(at.astimezone(VIENNA), NOW) == written


def test_spans_are_in_words():
    assert figures.until(NOW + dt.timedelta(days=3, hours=5), NOW) == "3 days"
    assert figures.until(NOW + dt.timedelta(seconds=30), NOW) == "less than a minute"
    assert figures.ago(NOW - dt.timedelta(seconds=30), NOW) == "just now"
    assert figures.ago(NOW - dt.timedelta(hours=2), NOW) == "2 hours ago"
    assert figures.exact(NOW.astimezone(VIENNA)) == "23 Nov 2026 18:30 (Europe/Vienna)"
