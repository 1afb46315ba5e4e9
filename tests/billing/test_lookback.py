"""What a limit would have done in the last windows."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

from billing import ledger_questions, lookback
from billing.lookback import Limited, LookBack
from tenants.models import Tenant
from tests.billing.alert_ledger import NOW, use
from tests.cast import Cast, request_row

pytestmark = pytest.mark.django_db
DAY = dt.timedelta(days=1)


def back(tenant: Tenant, **fields: Any) -> LookBack:
    values = {"dimension": "tenant", "subject": "", "metric": "usd", "window": "day", "amount": Decimal(10)}
    found = lookback.look_back(tenant, Limited(**{**values, **fields}), NOW)
    assert found is not None
    return found


def test_it_counts_the_days_on_which_the_amount_was_reached_without_today(acme: Tenant):
    for days, usd in ((0, "99"), (1, "10"), (2, "9.999999999"), (5, "30"), (30, "11"), (31, "50")):
        use(acme, usd=usd, at=NOW - days * DAY)
    found = back(acme)
    assert (len(found.windows), found.crossed, found.most) == (30, 3, Decimal(30))
    used = {item.start.date().isoformat(): item.most for item in found.windows if item.most}
    assert used == {
        "2026-11-22": Decimal(10),
        "2026-11-21": Decimal("9.999999999"),
        "2026-11-18": Decimal(30),
        "2026-10-24": Decimal(11),
    }
    assert [item.start for item in found.windows] == sorted(item.start for item in found.windows)


def test_weeks_begin_on_monday_and_months_on_their_first_day(acme: Tenant):
    for day, usd in (("2026-11-16", "6"), ("2026-11-22", "6"), ("2026-11-15", "6"), ("2026-11-23", "60")):
        use(acme, usd=usd, at=dt.datetime.fromisoformat(f"{day}T12:00+00:00"))
    assert (back(acme, window="week").crossed, len(back(acme, window="week").windows)) == (1, 12)
    found = back(acme, window="month", amount=Decimal(1))
    assert (found.crossed, len(found.windows)) == (0, 12)  # it is November still
    use(acme, usd="2", at=dt.datetime(2025, 11, 1, 12, tzinfo=dt.UTC))
    assert back(acme, window="month", amount=Decimal(1)).crossed == 1


def test_for_each_it_tells_how_many_would_have_been_stopped_and_who_used_most(acme: Tenant):
    for days, name, tokens in ((1, "ann", 200), (1, "ben", 150), (1, "cid", 5), (2, "ann", 120), (3, "cid", 7)):
        use(acme, ("end_user", name), tokens=tokens, at=NOW - days * DAY)
    found = back(acme, dimension="end_user", subject=None, metric="tokens", amount=Decimal(100))
    assert (found.crossed, found.over, found.subjects, found.most) == (2, 2, 3, Decimal(200))
    assert (found.windows[-1].subject, found.windows[-1].over) == ("ann", 2)


def test_another_subject_and_another_tenant_do_not_count(cast: Cast, acme: Tenant):
    use(acme, ("task", "summarise"), usd="20", at=NOW - DAY)
    use(cast.globex.tenant, ("task", "classify"), usd="20", at=NOW - DAY)
    assert not back(acme, dimension="task", subject="classify").has_use
    assert back(acme, dimension="task", subject="summarise").crossed == 1


def test_all_time_is_one_window(acme: Tenant):
    for days in (1, 400):
        use(acme, usd="7", at=NOW - days * DAY)
    found = back(acme, window="total")
    assert [(item.most, item.over) for item in found.windows] == [(Decimal(14), 1)]


def test_hours_and_minutes_are_read_from_the_request_log(cast: Cast, acme: Tenant):
    key, now = cast.acme.key.api_key, NOW
    for minutes in (61, 62, 130):
        request_row(acme, key, accepted_at=now - dt.timedelta(minutes=minutes), tags=["a", "b"])
    found = back(acme, window="hour", metric="requests", amount=Decimal(2))
    assert [(f"{item.start:%H:%M}", int(item.most)) for item in found.windows if item.most] == [
        ("16:00", 1),
        ("17:00", 2),
    ]
    assert (len(found.windows), found.crossed) == (24, 1)
    tags = back(acme, window="hour", metric="requests", amount=Decimal(2), dimension="tag", subject=None)
    assert (tags.crossed, tags.over, tags.subjects) == (1, 2, 2)
    assert not back(acme, window="minute", metric="requests").has_use


def test_an_amount_of_nothing_is_reached_by_any_use(acme: Tenant):
    use(acme, usd="0.000001", at=NOW - DAY)
    assert back(acme, amount=Decimal(0)).crossed == 1


def test_what_takes_too_long_is_not_known(acme: Tenant, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(
        lookback,
        "_from_days",
        lambda *_args: ("SELECT current_date AS start, '' AS subject, 0 AS used FROM pg_sleep(5)", []),
    )
    monkeypatch.setattr(lookback, "TIMEOUT_MS", 100)
    limited = Limited("tenant", "", "usd", "day", Decimal(1))
    assert lookback.look_back(acme, limited, NOW) is None
    assert ledger_questions.within_time("SELECT 1", []) == [(1,)]  # the transaction goes on
