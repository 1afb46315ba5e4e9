"""What the ledger says was used of a budget: exact, of the right subject and window, and with few queries."""

import datetime as dt
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext

from billing import budget_bars, ledger_questions, limits, selectors, standing, windows
from billing.models import Budget, BudgetRaise, DailyUsage
from tenants import api_keys
from tests.cast import Cast, Company, request_row

pytestmark = pytest.mark.django_db

VIENNA = ZoneInfo("Europe/Vienna")
NOW = dt.datetime(2026, 11, 18, 14, 30, 20, tzinfo=VIENNA)  # a Wednesday
DAY = dt.timedelta(days=1)


def budget(company: Company, **fields: Any) -> Budget:
    values = {"tenant": company.tenant, "name": f"B{Budget.objects.count()}", "amount": Decimal(10), **fields}
    return Budget.objects.create(**values)


def usage(company: Company, day: str, dimension: str, subject: str, **sums: Any) -> None:
    values = {"requests": 1, "input_tokens": 100, "cache_read_tokens": 40, "output_tokens": 10, "cost_usd": "0.5"}
    DailyUsage.objects.create(
        tenant=company.tenant, day=day, dimension=dimension, subject=subject, **{**values, **sums}
    )


def uses(row: Budget, now: dt.datetime = NOW) -> list[tuple[str, Decimal, int]]:
    found = standing.standing([row], now)[row.pk].uses
    assert found is not None
    return [(use.name, use.used, use.percent) for use in found]


@pytest.mark.parametrize(("window", "used"), [("day", "1"), ("week", "3"), ("month", "7"), ("total", "15")])
def test_adds_up_the_days_of_the_current_window(cast: Cast, window: str, used: str):
    for day, cost in [
        ("2026-11-19", "100"),  # not yet
        ("2026-11-18", "1"),
        ("2026-11-16", "2"),  # Monday
        ("2026-11-15", "4"),
        ("2026-10-31", "8"),
    ]:
        usage(cast.acme, day, "tenant", "", cost_usd=cost)
        usage(cast.globex, day, "tenant", "", cost_usd=1000)
    expected = Decimal(used) + (100 if window in ("week", "month", "total") else 0)
    assert uses(budget(cast.acme, window=window)) == [("Acme", expected, int(expected * 10))]


def test_counts_in_its_metric(cast: Cast):
    usage(cast.acme, "2026-11-18", "tenant", "", requests=3, input_tokens=70, output_tokens=7, cost_usd="0.000000001")
    found = {metric: uses(budget(cast.acme, metric=metric))[0][1] for metric in ("requests", "tokens", "usd")}
    assert found == {"requests": Decimal(3), "tokens": Decimal(77), "usd": Decimal("0.000000001")}


def test_the_day_is_the_tenants(cast: Cast):
    usage(cast.acme, "2026-11-18", "tenant", "", cost_usd=1)
    usage(cast.acme, "2026-11-19", "tenant", "", cost_usd=2)
    row = budget(cast.acme, window="day")
    just_before, midnight = (
        dt.datetime(2026, 11, 18, 22, 59, 59, tzinfo=dt.UTC) + dt.timedelta(seconds=n) for n in (0, 1)
    )
    assert [uses(row, now)[0][1] for now in (just_before, midnight)] == [Decimal(1), Decimal(2)]


def test_one_subject_that_used_nothing_used_nothing(cast: Cast):
    usage(cast.acme, "2026-11-18", "end_user", "somebody else")
    assert uses(budget(cast.acme, scope="end_user", subject="u-1")) == [("u-1", Decimal(0), 0)]


def test_each_shows_the_five_who_used_most(cast: Cast):
    for number in range(8):
        usage(cast.acme, "2026-11-17", "end_user", f"u-{number}", cost_usd=number)
        usage(cast.acme, "2026-11-18", "end_user", f"u-{number}", cost_usd="0.25")
    found = uses(budget(cast.acme, scope="end_user", amount=5))
    assert found == [
        ("u-7", Decimal("7.25"), 145),
        ("u-6", Decimal("6.25"), 125),
        ("u-5", Decimal("5.25"), 105),
        ("u-4", Decimal("4.25"), 85),
        ("u-3", Decimal("3.25"), 65),
    ]


def test_each_without_any_usage_is_empty(cast: Cast):
    assert uses(budget(cast.acme, scope="task")) == []


def test_keys_go_by_their_names_and_deleted_ones_by_their_ids(cast: Cast):
    key, gone = cast.acme.key.api_key, api_keys.create(cast.acme.tenant, name="gone").api_key
    gone_id = str(gone.pk)
    usage(cast.acme, "2026-11-18", "key", str(key.pk), cost_usd=3)
    usage(cast.acme, "2026-11-18", "key", gone_id, cost_usd=2)
    gone.delete()
    each, one = budget(cast.acme, scope="key"), budget(cast.acme, scope="key", api_key=key)
    assert uses(each) == [(str(key), Decimal(3), 30), (f"deleted ({gone_id})", Decimal(2), 20)]
    assert uses(one) == [(str(key), Decimal(3), 30)]


def test_another_tenants_key_is_not_named(cast: Cast):
    usage(cast.acme, "2026-11-18", "key", str(cast.globex.key.api_key.pk))
    ((name, _used, _percent),) = uses(budget(cast.acme, scope="key"))
    assert name == f"deleted ({cast.globex.key.api_key.pk})"


def log(company: Company, seconds_ago: float, **fields: Any) -> None:
    values = {"input_tokens": 10, "output_tokens": 5, "cost_usd": "0.001", "tier": "free", **fields}
    request_row(company.tenant, company.key.api_key, accepted_at=NOW - dt.timedelta(seconds=seconds_ago), **values)


@pytest.mark.parametrize(("window", "used"), [("minute", 2), ("hour", 3)])
def test_minutes_and_hours_come_from_the_request_log(cast: Cast, window: str, used: int):
    for seconds_ago in (0, 20, 21, 30 * 60 + 21):  # this minute began 20 s ago, this hour 30 min and 20 s
        log(cast.acme, seconds_ago)
        log(cast.globex, seconds_ago)
    assert uses(budget(cast.acme, window=window, metric="requests")) == [("Acme", Decimal(used), used * 10)]


def test_what_the_enforcement_reads_from_the_ledger_is_shown(cast: Cast):
    """Of every scope, metric and window, with a subject: the same as `selectors.used`, which counters are restored from."""
    key = cast.acme.key.api_key
    log(cast.acme, 1, end_user="u-1", task="t-1", model_served="m-1", tags=["red", "blue"], cost_usd="0.000000007")
    log(cast.acme, 2, end_user="u-1", task="t-1", model_served="m-1", tags=["red"], attempt=2)
    log(cast.acme, 3, end_user="", task="", model_served="", tags=[], tier="free")
    log(cast.acme, 4, end_user="u-2", task="t-2", model_served="m-2", tags=["blue"], tier="paid")
    subjects = {
        "tenant": "",
        "key": str(key.pk),
        "end_user": "u-1",
        "tier": "free",
        "task": "t-1",
        "model": "m-1",
        "tag": "red",
    }
    for dimension, subject in subjects.items():
        usage(cast.acme, "2026-11-18", dimension, subject, requests=7, cost_usd="1.000000003")
    shown, expected = {}, {}
    for scope, subject in subjects.items():
        whose = {"api_key": key} if scope == "key" else {"subject": subject}
        for window in windows.KINDS:
            span = windows.window(window, NOW.timestamp(), VIENNA)
            ledger = selectors.used(cast.acme.tenant.pk, scope, [subject], span, VIENNA)[subject]
            for metric in Budget.Metric.values:
                row = budget(cast.acme, scope=scope, window=window, metric=metric, **whose)
                ((_name, used, _percent),) = uses(row)
                shown[scope, window, metric] = used * limits.NANO_PER_USD if metric == "usd" else used
                expected[scope, window, metric] = ledger[metric]
    assert shown == expected
    assert expected["tag", "minute", "requests"] == 1
    assert expected["tier", "hour", "requests"] == 1  # the request without an end user is in no tier


@pytest.mark.parametrize(("scope", "names"), [
    ("key", None), ("end_user", ["u-2", "u-1"]), ("tier", ["paid", "free"]), ("task", ["t-2", "t-1"]),
    ("model", ["m-2", "m-1"]), ("tag", ["blue", "red"]),
])  # fmt: skip
def test_each_of_a_minute_leaves_out_requests_without_one(cast: Cast, scope: str, names: list[str] | None):
    log(cast.acme, 1, end_user="u-1", task="t-1", model_served="m-1", tags=["red"], cost_usd=1)
    log(cast.acme, 2, end_user="", task="", model_served="", tags=[], cost_usd=5)
    log(cast.acme, 3, end_user="u-2", task="t-2", model_served="m-2", tags=["blue"], tier="paid", cost_usd=3)
    found = uses(budget(cast.acme, scope=scope, window="minute"))
    if names is None:
        assert found == [(str(cast.acme.key.api_key), Decimal(9), 90)]
    else:
        assert found == [(names[0], Decimal(3), 30), (names[1], Decimal(1), 10)]


def raised(row: Budget, amount: Any, start: dt.timedelta, end: dt.timedelta) -> BudgetRaise:
    return BudgetRaise.objects.create(
        tenant=row.tenant, budget=row, amount=amount, starts_at=NOW + start, ends_at=NOW + end, reason="x"
    )


def test_the_share_is_of_the_amount_in_force(cast: Cast):
    usage(cast.acme, "2026-11-18", "tenant", "", cost_usd="9.999999999")
    row = budget(cast.acme)
    assert uses(row) == [("Acme", Decimal("9.999999999"), 99)]  # 100 % is all of it, and never before
    raised(row, 1000, -2 * DAY, 0 * DAY)  # over
    raised(row, 1000, dt.timedelta(seconds=1), DAY)  # not yet
    raised(row, 20, -DAY, 2 * DAY)
    highest = raised(row, 40, -DAY, DAY)
    found = standing.standing([Budget.objects.get(pk=row.pk)], NOW)[row.pk]
    assert (found.amount, found.raised_until) == (Decimal(40), highest.ends_at)
    assert found.uses is not None
    assert found.uses[0].percent == 24


def test_a_lower_raise_is_none_and_of_equal_ones_the_longer_is_named(cast: Cast):
    row = budget(cast.acme)
    raised(row, 5, -DAY, DAY)
    assert standing.amount_in_force(row, NOW) == (Decimal(10), None)
    raised(row, 20, -DAY, DAY)
    longer = raised(row, 20, -DAY, 2 * DAY)
    assert standing.amount_in_force(row, NOW) == (Decimal(20), longer.ends_at)


def test_of_nothing_all_is_used(cast: Cast):
    assert uses(budget(cast.acme, amount=0)) == [("Acme", Decimal(0), 100)]


def test_asks_as_often_for_many_as_for_few(cast: Cast):
    usage(cast.acme, "2026-11-18", "key", str(cast.acme.key.api_key.pk))

    def queries(rows: list[Any]) -> int:
        with CaptureQueriesContext(connection) as captured:
            assert len(standing.standing(rows, NOW)) == len(rows)
        return len([query for query in captured if not query["sql"].startswith(("SAVEPOINT", "RELEASE", "SET LOCAL"))])

    for scope in Budget.Scope.values:
        for window in Budget.Window.values:
            for company in (cast.acme, cast.globex):
                raised(budget(company, scope=scope, window=window, name=f"{scope} {window}"), 20, -DAY, DAY)
    budget(cast.acme, scope="key", api_key=cast.acme.key.api_key)
    everything = list(Budget.objects.order_by("pk"))
    assert queries(everything) <= 6  # tenants, raises, keys, twice the ledger, the names of keys
    assert queries([]) == 0


def test_what_takes_too_long_is_not_known_and_the_rest_is(cast: Cast, monkeypatch: pytest.MonkeyPatch):
    usage(cast.acme, "2026-11-18", "tenant", "")
    usage(cast.acme, "2026-11-18", "end_user", "u-1")
    one, each = budget(cast.acme), budget(cast.acme, scope="end_user")
    from_days = ledger_questions._from_days

    def slowly(place: int, item: Any) -> tuple[str, list[Any]]:
        return ("SELECT 0, '', 0 FROM pg_sleep(5)", []) if item.subject is None else from_days(place, item)

    within_time = ledger_questions.within_time

    def impatiently(sql: str, args: Any) -> Any:
        return within_time(sql, args, milliseconds=100 if "pg_sleep" in sql else 60_000)

    monkeypatch.setattr(ledger_questions, "_from_days", slowly)
    monkeypatch.setattr(ledger_questions, "within_time", impatiently)
    found = standing.standing([one, each], NOW)
    assert found[one.pk].uses is not None
    assert found[each.pk].uses is None
    shown = budget_bars.shown(each, found[each.pk])
    assert (shown.bars, shown.is_unknown) == ([], True)
    assert Budget.objects.filter(pk=one.pk).exists()  # the transaction goes on


def test_an_error_that_is_no_timeout_is_not_hidden(cast: Cast, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(ledger_questions, "_from_days", lambda place, item: ("SELECT nothing FROM nowhere", []))
    with pytest.raises(Exception, match="nowhere") as caught:
        standing.standing([budget(cast.acme)], NOW)
    assert not isinstance(caught.value, OperationalError)


@pytest.mark.parametrize(
    ("used", "percent", "width", "level"),
    [
        ("0", "0 %", 0, ""),
        ("0.01", "< 1 %", 0, ""),
        ("4.99", "49 %", 49, ""),
        ("5", "50 %", 50, "near"),
        ("10", "100 %", 100, "full"),
        ("123.5", "1,235 %", 100, "full"),
    ],
)
def test_a_bar_is_no_longer_than_its_track_and_coloured_from_the_first_threshold(
    cast: Cast, used: str, percent: str, width: int, level: str
):
    usage(cast.acme, "2026-11-18", "tenant", "", cost_usd=used)
    row = budget(cast.acme, thresholds=[80, 50])
    (bar,) = budget_bars.shown(row, standing.standing([row], NOW)[row.pk]).bars
    assert (bar.percent, bar.width, bar.level, bar.name) == (percent, width, level, "")


@pytest.mark.parametrize(
    ("window", "text"),
    [
        ("minute", "18 Nov 2026 14:30 – 14:31 (Europe/Vienna)"),
        ("hour", "18 Nov 2026 14:00 – 15:00 (Europe/Vienna)"),
        ("day", "18 Nov 2026 (Europe/Vienna)"),
        ("week", "16 Nov 2026 – 22 Nov 2026 (Europe/Vienna)"),
        ("month", "1 Nov 2026 – 30 Nov 2026 (Europe/Vienna)"),
        ("total", "from the beginning"),
    ],
)
def test_the_window_is_named_in_the_tenants_time(cast: Cast, window: str, text: str):
    row = budget(cast.acme, window=window)
    assert budget_bars.shown(row, standing.standing([row], NOW)[row.pk]).window == text
