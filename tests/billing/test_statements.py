"""A tenant's month, to the last digit: sections that add up to the total, plans, and the month in the tenant's time zone."""

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from billing import statement_page, statements
from billing.models import DailyUsage, Subscription
from billing.statements import Figures, Line, PlanLine, Section, Statement
from tenants import api_keys
from tests.billing.usage import FIRST, GONE, LATER, month_of_usage, used
from tests.cast import Cast

pytestmark = pytest.mark.django_db


def made(cast: Cast, year: int = 2026, month: int = 10, *, now: dt.datetime = LATER) -> Statement:
    return statements.statement(cast.acme.tenant, year, month, now=now)


def section(statement: Statement, dimension: str) -> Section:
    (found,) = [section for section in statement.sections if section.dimension == dimension]
    return found


def lines(statement: Statement, dimension: str) -> list[tuple[str, Figures]]:
    return [(line.name, line.figures) for line in section(statement, dimension).lines]


def test_every_figure_of_a_month(cast: Cast):
    month_of_usage(cast)
    key = cast.acme.key.api_key
    statement = made(cast)
    assert statement.total == Figures(10, 1300, 500, 130, Decimal("12.345678901"))
    assert lines(statement, "model") == [
        ("gpt-4o-mini", Figures(6, 900, 400, 100, Decimal("10.000000001"))),
        ("claude-haiku", Figures(3, 400, 100, 30, Decimal("2.3456789"))),
    ]
    assert section(statement, "model").rest == Figures(1)  # a request whose attempts all failed
    assert lines(statement, "task") == [("summarise", Figures(4, 600, 0, 60, Decimal("6")))]
    assert section(statement, "task").rest == Figures(6, 700, 500, 70, Decimal("6.345678901"))
    assert lines(statement, "key") == [
        (str(key), Figures(7, 1000, 500, 100, Decimal("11.345678901"))),
        (f"deleted ({GONE})", Figures(3, 300, 0, 30, Decimal("1"))),
    ]
    assert not section(statement, "key").has_rest
    assert lines(statement, "end_user") == [
        ("ann", Figures(4, 500, 0, 50, Decimal("5"))),
        ("ben", Figures(2, 200, 0, 20, Decimal("2.5"))),
    ]
    assert section(statement, "end_user").rest == Figures(4, 600, 500, 60, Decimal("4.845678901"))
    assert statement.problems == ()
    assert (statement.first_day, statement.last_day) == (dt.date(2026, 10, 1), dt.date(2026, 10, 31))


def test_costs_are_exact_beyond_what_a_float_holds(cast: Cast):
    used(cast.acme, FIRST, "tenant", "", cost_usd="123456789012345.123456789")
    used(cast.acme, dt.date(2026, 10, 2), "tenant", "", cost_usd="0.000000001")
    cost = made(cast).total.cost_usd
    assert isinstance(cost, Decimal)
    assert cost == Decimal("123456789012345.123456790")


@pytest.mark.parametrize("day", ["2026-09-30", "2026-11-01", "2025-10-15"])
def test_other_months_do_not_count(cast: Cast, day: str):
    used(cast.acme, dt.date.fromisoformat(day), "tenant", "")
    assert made(cast).total == Figures()


def test_other_tenants_do_not_count(cast: Cast):
    for dimension, subject in (("tenant", ""), ("end_user", "theirs"), ("key", str(cast.globex.key.api_key.pk))):
        used(cast.globex, FIRST, dimension, subject)
    statement = made(cast)
    assert statement.total == Figures()
    assert [section.lines for section in statement.sections] == [(), (), (), ()]
    assert list(statements.end_users(statement)) == []


def test_another_tenants_key_is_not_named(cast: Cast):
    theirs = str(cast.globex.key.api_key.pk)
    for dimension, subject in (("tenant", ""), ("key", theirs)):
        used(cast.acme, FIRST, dimension, subject)
    assert [name for name, _figures in lines(made(cast), "key")] == [f"deleted ({theirs})"]


def test_keys_of_one_name_are_told_apart_by_their_beginnings(cast: Cast):
    keys = [api_keys.create(cast.acme.tenant, name="bot").api_key for _ in range(2)]
    used(cast.acme, FIRST, "tenant", "", requests=2)
    for key in keys:
        used(cast.acme, FIRST, "key", str(key.pk))
    names = {name for name, _figures in lines(made(cast), "key")}
    assert names == {f"bot ({key.prefix}…)" for key in keys}


def test_sums_that_do_not_add_up_are_told(cast: Cast, caplog: pytest.LogCaptureFixture):
    used(cast.acme, FIRST, "tenant", "", requests=5)
    used(cast.acme, FIRST, "key", str(cast.acme.key.api_key.pk), requests=4)
    used(cast.acme, FIRST, "model", "gpt-4o-mini", requests=6)
    statement = made(cast)
    assert statement.problems == ("The sums by Model are not the total.", "The sums by API key are not the total.")
    assert "does not add up by key" in caplog.text


def test_the_dearest_fifty_end_users_are_shown_and_the_others_counted(cast: Cast):
    for number in range(53):
        used(cast.acme, FIRST, "end_user", f"u-{number:02}", requests=1, cost_usd=number)
        used(cast.acme, dt.date(2026, 10, 31), "end_user", f"u-{number:02}", requests=1, cost_usd="0.5")
    used(cast.acme, FIRST, "tenant", "", requests=106, input_tokens=10_600, cache_read_tokens=0, output_tokens=1060,
         cost_usd=sum(range(53)) + Decimal("26.5"))  # fmt: skip
    found = section(made(cast), "end_user")
    assert [line.subject for line in found.lines] == [f"u-{number:02}" for number in range(52, 2, -1)]
    assert found.lines[0].figures == Figures(2, 200, 0, 20, Decimal("52.5"))
    assert (found.more, found.more_figures) == (3, Figures(6, 600, 0, 60, Decimal("4.5")))
    assert not found.has_rest


def test_all_end_users_come_in_batches_in_the_order_of_their_names(cast: Cast, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(statements, "BATCH", 4)
    names = ["Zoë", "ann", "böb", "a", "=x", "日本", "ann 2", "b"]
    for name in names:
        used(cast.acme, FIRST, "end_user", name, cost_usd=1)
        used(cast.acme, dt.date(2026, 10, 31), "end_user", name, cost_usd=2)
        used(cast.acme, dt.date(2026, 11, 1), "end_user", name, cost_usd=4)
    batches = list(statements.end_users(made(cast)))
    assert [len(batch) for batch in batches] == [4, 4]
    found = [line for batch in batches for line in batch]
    assert {line.figures.cost_usd for line in found} == {Decimal(3)}
    assert sorted(line.name for line in found) == sorted(names)


def test_a_statement_is_read_with_few_queries_however_much_there_is(cast: Cast):
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            made(cast)
        return len(captured)

    month_of_usage(cast)
    few = queries()
    for number in range(60):
        for dimension in ("key", "end_user", "model", "task"):
            used(cast.acme, FIRST, dimension, f"01999999-0000-7000-9000-{number:012}")
    assert (queries(), few) == (3, 3)  # usage, keys' names, subscriptions


# The month


@pytest.mark.parametrize(
    ("now", "month"),
    [
        ("2026-10-31T22:59:59Z", "2026-10-01"),
        ("2026-10-31T23:00:00Z", "2026-11-01"),
        ("2027-01-01T12:00Z", "2027-01-01"),
    ],
)
def test_the_month_is_the_tenants(cast: Cast, now: str, month: str):
    assert statements.current_month(cast.acme.tenant, dt.datetime.fromisoformat(now)) == dt.date.fromisoformat(month)


@pytest.mark.parametrize(
    ("now", "is_so_far"), [("2026-10-31T22:59:59Z", True), ("2026-10-31T23:00:00Z", False), ("2026-10-01T00:00Z", True)]
)
def test_an_unfinished_month_is_so_far(cast: Cast, now: str, is_so_far: bool):
    assert made(cast, now=dt.datetime.fromisoformat(now)).is_so_far == is_so_far


@pytest.mark.parametrize(
    ("month", "last_day"), [((2026, 12), "2026-12-31"), ((2028, 2), "2028-02-29"), ((2027, 2), "2027-02-28")]
)
def test_a_month_ends_on_its_last_day(cast: Cast, month: tuple[int, int], last_day: str):
    used(cast.acme, dt.date.fromisoformat(last_day), "tenant", "")
    statement = made(cast, *month)
    assert (str(statement.last_day), statement.total.requests) == (last_day, 1)


def test_months_lead_from_the_tenants_first_to_the_present_one(cast: Cast):
    tenant = cast.acme.tenant
    tenant.created_at = dt.datetime(2026, 9, 30, 22, 30, tzinfo=dt.UTC)  # October in Vienna
    now = dt.datetime(2026, 11, 15, tzinfo=dt.UTC)
    found = [statements.neighbours(statements.statement(tenant, 2026, month, now=now)) for month in (10, 11)]
    assert found == [(None, dt.date(2026, 11, 1)), (dt.date(2026, 10, 1), None)]


# Plans


def subscribed(cast: Cast, started: str, ended: str | None) -> None:
    Subscription.objects.create(
        tenant=cast.acme.tenant,
        plan=cast.plan,
        started_at=dt.datetime.fromisoformat(started),
        ended_at=ended and dt.datetime.fromisoformat(ended),
    )


@pytest.fixture
def priced(cast: Cast) -> Cast:
    cast.acme.subscription.delete()
    cast.plan.name, cast.plan.price_usd_per_month = "Team", Decimal("99.90")
    cast.plan.save()
    return cast


@pytest.mark.parametrize(
    ("started", "ended", "days"),
    [
        ("2026-01-01T00:00Z", None, (1, 31)),
        ("2026-10-10T10:00Z", None, (10, 31)),
        ("2026-10-10T10:00Z", "2026-10-20T10:00Z", (10, 20)),
        ("2026-10-09T22:00Z", "2026-10-19T22:00Z", (10, 19)),  # midnight in Vienna, and the day before ends then
        ("2026-01-01T00:00Z", "2026-09-30T22:00Z", None),  # ended as October began in Vienna
        ("2026-01-01T00:00Z", "2026-09-30T22:00:01Z", (1, 1)),
        ("2026-10-31T22:59:59Z", None, (31, 31)),
        ("2026-10-31T23:00Z", None, None),
    ],
)
def test_a_plan_stands_with_its_price_and_its_days(priced: Cast, started: str, ended: str | None, days: Any):
    subscribed(priced, started, ended)
    expected = []
    if days is not None:
        first, last = (dt.date(2026, 10, day) for day in days)
        expected = [PlanLine("Team", first, last, Decimal("99.90"))]
    assert list(made(priced).plans) == expected


def test_two_plans_of_a_month_stand_in_their_order(priced: Cast):
    subscribed(priced, "2026-10-15T22:00Z", None)
    subscribed(priced, "2026-01-01T00:00Z", "2026-10-15T22:00Z")
    assert [(plan.first_day.day, plan.last_day.day) for plan in made(priced).plans] == [(1, 15), (16, 31)]


def test_a_subscription_yet_to_begin_is_not_in_the_month_so_far(priced: Cast):
    subscribed(priced, "2026-10-20T00:00Z", None)
    assert made(priced, now=dt.datetime(2026, 10, 19, tzinfo=dt.UTC)).plans == ()
    assert len(made(priced, now=dt.datetime(2026, 10, 21, tzinfo=dt.UTC)).plans) == 1


# The page's numbers


def test_numbers_are_written_out_with_their_points_below_each_other(cast: Cast):
    month_of_usage(cast)
    context = statement_page.context(made(cast))
    total = context["total"]
    assert (total.requests, total.input_tokens, total.cost.cents, total.cost.rest) == (
        "10",
        "1,300",
        "$12.34",
        "5678901",
    )
    costs = [row.cost for table in context["tables"] for row in table.rows]
    assert {len(cost.rest) for cost in costs} == {7}
    assert ("$10.00", "0000001") in {(cost.cents, cost.rest) for cost in costs}


@pytest.mark.parametrize(
    ("amount", "cents", "rest"),
    [("1234.5", "$1,234.50", ""), ("0", "$0.00", ""), ("0.000000001", "$0.00", "0000001"), ("-2.505", "−$2.50", "5")],
)
def test_money_has_two_decimals_and_those_it_needs(cast: Cast, amount: str, cents: str, rest: str):
    line = Line("x", "x", Figures(cost_usd=Decimal(amount)))
    empty = Section("model", (line,), 0, Figures(), Figures())
    now = timezone.now()
    statement = Statement(cast.acme.tenant, FIRST, FIRST, now, False, Figures(), (empty,), (), ())
    ((row,),) = [table.rows for table in statement_page.context(statement)["tables"]]
    assert (row.cost.cents, row.cost.rest) == (cents, rest)


def test_the_remaining_ones_are_a_row_and_those_without_are_another(cast: Cast, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(statements, "TOP_END_USERS", 1)
    month_of_usage(cast)
    (table,) = [table for table in statement_page.context(made(cast))["tables"] if table.dimension == "end_user"]
    assert [(row.name, str(row.remark), row.requests) for row in table.rows] == [
        ("ann", "", "4"),
        ("1 more", "all of them are in the CSV", "2"),
        ("(none)", "requests without an end user", "4"),
    ]


def test_nothing_was_used_is_all_zeros(cast: Cast):
    assert DailyUsage.objects.filter(tenant=cast.acme.tenant).count() == 0
    statement = made(cast)
    assert (statement.total, [section.has_rest for section in statement.sections]) == (Figures(), [False] * 4)
