"""A year played through on rows: rollups by the quarter of an hour, votes, and the looks as the worker takes them. Seeds are fixed.

What `test_a_year` plays with the statistics alone, where it can be afforded: what is judged by the hour and by the week. (A look each
minute for what is judged by five minutes would be half a million of them; at hours it looks every three, as 9,000 looks take minutes.)
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Iterator
from decimal import Decimal
from uuid import uuid4

import numpy as np
import pytest
from django.db import connection

from billing import alert_settings
from billing.alert_settings import Values
from billing.models import Alert
from dashboards.models import Series
from dashboards.shapes import TOTAL, Level
from gateway.judging import days
from gateway.models import Feedback
from tenants.models import Tenant
from tests.dashboards.alarms.made import look

pytestmark = pytest.mark.django_db
HOUR, DAY, WEEK = dt.timedelta(hours=1), dt.timedelta(days=1), dt.timedelta(weeks=1)
START = dt.datetime(2025, 9, 1, tzinfo=dt.UTC)
KNOWN = 10 * WEEK  # until anything is usual
WEEKS = 52
END = START + KNOWN + WEEKS * WEEK
HOURS = (END - START) // HOUR


def hourly(tenant: Tenant, *, spent_times: Callable[[int], float], hits: Callable[[int], float]) -> None:
    """Rollups with one quarter in each hour: 400 look-ups, and costs by day and night, weekdays and weekends, that grow a little."""
    rng = np.random.default_rng(3)
    series = Series.objects.create(tenant=tenant, shape=TOTAL.code, labels=[])

    def rows() -> Iterator[tuple[object, ...]]:
        for at in range(HOURS):
            weekday = 1.0 if at // 24 % 7 < 5 else 0.3
            usual = 5 * (6 + 5 * math.sin((at % 24 - 8) / 12 * math.pi)) * weekday * 1.01 ** (at / 168)
            cost = usual * math.exp(rng.normal(0, 0.35)) * spent_times(at)
            hit = int(rng.binomial(400, hits(at)))
            yield START + at * HOUR, series.pk, 400, round(Decimal(cost), 9), hit, 400 - hit

    with (
        connection.cursor() as cursor,
        cursor.copy(
            "COPY dashboards_cell (level, tenant_id, shape, bucket, series_id, requests, cost_usd, cache_hits, cache_misses) FROM STDIN"
        ) as copy,
    ):
        for bucket, number, requests, cost, hit, missed in rows():
            copy.write_row((int(Level.QUARTER), tenant.pk, TOTAL.code, bucket, number, requests, cost, hit, missed))


def voted(tenant: Tenant, share: Callable[[int], float]) -> None:
    """Fifteen votes a day on one task's answers, more or less."""
    rng = np.random.default_rng(4)
    rows = []
    for day in range(HOURS // 24):
        for _vote in range(int(rng.poisson(15))):
            at = START + day * DAY + HOUR * float(rng.uniform(0, 24))
            rating = "up" if rng.random() < share(day) else "down"
            rows.append(
                Feedback(
                    tenant=tenant, request_id=uuid4(), voter="reader", source="token", rating=rating, created_at=at, changed_at=at,
                    asked_at=at, matched_at=at, task="sum",
                )
            )  # fmt: skip
    Feedback.objects.bulk_create(rows)
    while days.add_up():
        pass


def watch(tenant: Tenant, kinds: tuple[str, ...], every: dt.timedelta) -> list[tuple[str, dt.datetime]]:
    """Look through the year; returns which episodes began, and when."""
    others = {"latency", "errors", "hit_rate", "spend", "quality", "breaker"} - {*kinds}
    alert_settings.change(tenant, Values(off_kinds=tuple(sorted(others))))
    now = START + KNOWN + dt.timedelta(minutes=2)
    while now < END:
        look(tenant, now, is_slow=True)
        now += every
    return list(Alert.objects.filter(tenant=tenant).order_by("crossed_at").values_list("kind", "crossed_at"))


def test_52_weeks_of_steady_hours_raise_none(acme: Tenant):
    hourly(acme, spent_times=lambda at: 1.0, hits=lambda at: 0.13)
    assert watch(acme, ("hit_rate", "spend"), 3 * HOUR) == []


def test_faults_in_such_hours_are_found(acme: Tenant):
    fault = (KNOWN + 2 * WEEK) // HOUR + 14
    hourly(
        acme,
        spent_times=lambda at: 8.0 if fault <= at < fault + 6 else 1.0,
        hits=lambda at: 0.02 if fault + 48 <= at < fault + 72 else 0.13,
    )
    until = START + (fault + 100) * HOUR
    now = START + (fault - 24) * HOUR + dt.timedelta(minutes=2)
    while now < until:
        look(acme, now, is_slow=True)
        now += HOUR
    found = list(
        Alert.objects.filter(tenant=acme, kind__in=("hit_rate", "spend"))
        .order_by("crossed_at")
        .values_list("kind", "crossed_at")
    )
    minutes = dt.timedelta(minutes=2)
    assert found == [
        ("spend", START + (fault + 2) * HOUR + minutes),
        ("hit_rate", START + (fault + 48 + 6) * HOUR + minutes),
    ]
    assert not Alert.objects.filter(tenant=acme, resolved_at=None, kind__in=("hit_rate", "spend")).exists()


def test_52_weeks_of_steady_votes_raise_none(acme: Tenant):
    voted(acme, lambda day: 0.85)
    assert watch(acme, ("quality",), DAY) == []


def test_a_drop_in_such_votes_is_found_within_three_weeks_and_told_once(acme: Tenant):
    fallen = (KNOWN + 8 * WEEK) // DAY
    voted(acme, lambda day: 0.85 if day < fallen else 0.6)
    ((kind, at), *more) = watch(acme, ("quality",), DAY)
    assert kind == "quality"
    assert START + fallen * DAY < at <= START + fallen * DAY + 3 * WEEK
    assert [item[1] - at > 11 * WEEK for item in more] == [True] * len(
        more
    )  # by then it is the usual, and may fall anew
