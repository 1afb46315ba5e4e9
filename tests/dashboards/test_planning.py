"""Which rollups a question goes to, and what is said where none can answer it exactly."""

from __future__ import annotations

import datetime as dt
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest

from dashboards import planning, ranges
from dashboards.planning import Unanswerable
from dashboards.ranges import Step
from dashboards.scopes import Scope
from dashboards.shapes import Level

NOW = dt.datetime(2026, 10, 30, 14, 37, 12, tzinfo=dt.UTC)
VIENNA = ZoneInfo("Europe/Vienna")
SCOPE = Scope((uuid4(),), False, "Europe/Vienna", None, NOW - dt.timedelta(days=400))


def plan(
    name: str, *dimensions: str, by_steps: bool = True, zone: ZoneInfo = VIENNA, scope: Scope = SCOPE
) -> planning.Plan:
    return planning.plan(scope, ranges.preset(name, NOW, zone), dimensions, by_steps=by_steps)


@pytest.mark.parametrize(
    ("name", "dimensions", "shape", "levels"),
    [
        ("1h", (), "total", [Level.MINUTE]),
        ("6h", ("model",), "model", [Level.MINUTE]),
        ("24h", ("provider",), "model", [Level.QUARTER]),
        ("7d", ("task",), "task", [Level.QUARTER]),
        ("30d", ("task", "model"), "task_model", [Level.DAY]),
        ("30d", ("task", "model", "status"), "cube", [Level.DAY]),
        ("30d", ("error",), "result", [Level.DAY]),
        ("90d", ("end_user",), "end_user", [Level.DAY]),
        ("90d", ("end_user", "task"), "end_user", [Level.DAY]),
        ("90d", ("tag", "model"), "tag", [Level.DAY]),
        ("7d", ("feature",), "feature", [Level.QUARTER]),
    ],
)
def test_goes_to_the_smallest_shape_at_the_coarsest_level(name, dimensions, shape, levels):
    found = plan(name, *dimensions)
    assert found.shape is not None
    assert (found.shape.name, [part.level for part in found.parts], found.raw) == (shape, levels, ())


def test_cuts_a_range_into_minutes_quarters_and_days_without_rounding():
    end = NOW.replace(second=0)
    span = ranges.custom(end - dt.timedelta(hours=60), end, NOW, VIENNA)
    found = planning.plan(SCOPE, span, (), by_steps=False)
    pieces = sorted(
        (start, end, part.level) for part in found.parts if part.level is not Level.DAY for start, end in part.spans
    )
    at = dt.datetime.fromisoformat
    assert pieces == [
        (at("2026-10-28T02:37Z"), at("2026-10-28T02:45Z"), Level.MINUTE),
        (at("2026-10-28T02:45Z"), at("2026-10-28T23:00Z"), Level.QUARTER),
        (at("2026-10-29T23:00Z"), at("2026-10-30T14:30Z"), Level.QUARTER),
        (at("2026-10-30T14:30Z"), at("2026-10-30T14:37Z"), Level.MINUTE),
    ]
    (day,) = [part for part in found.parts if part.level is Level.DAY]
    assert day.spans == ((at("2026-10-29T00:00Z"), at("2026-10-30T00:00Z")),)  # by its date
    assert found.raw == ()


def test_reads_the_log_for_what_no_rollup_has_together():
    found = plan("24h", "end_user", "model")
    assert found.shape is None
    assert found.raw_time == dt.timedelta(hours=24)
    assert planning.source(found).levels == ("log",)


def test_refuses_to_read_more_than_a_month_of_the_log():
    with pytest.raises(Unanswerable, match="at most 31 days"):
        plan("90d", "end_user", "model")


def test_refuses_what_the_log_has_no_more():
    scope = Scope(SCOPE.tenant_ids, False, "Europe/Vienna", None, NOW - dt.timedelta(days=7))
    with pytest.raises(Unanswerable, match="goes back to 2026-10-23 only"):
        plan("30d", "end_user", "model", scope=scope)
    span = ranges.custom(NOW - dt.timedelta(days=60, hours=3), NOW - dt.timedelta(days=55), NOW, VIENNA)
    with pytest.raises(Unanswerable, match="Choose whole days"):
        planning.plan(scope, span, (), by_steps=False)


def test_says_so_where_days_were_those_of_another_zone():
    scope = Scope(SCOPE.tenant_ids, False, "Europe/Vienna", dt.date(2026, 10, 20), SCOPE.log_from)
    source = planning.source(plan("30d", scope=scope))
    assert not source.is_exact
    assert source.notes == ("Days before 2026-10-20 are those of the time zone that was set then.",)
    assert planning.source(plan("7d", scope=scope)).is_exact


def test_days_of_another_zone_are_made_of_quarters_of_an_hour():
    found = plan("30d", zone=ZoneInfo("Asia/Kathmandu"))
    assert [part.level for part in found.parts] == [Level.QUARTER]
    assert [part.level for part in plan("30d", zone=ZoneInfo("UTC")).parts] == [Level.UTC_DAY]


def test_several_tags_are_not_added_up_of_rows_that_may_have_both():
    found = planning.plan(SCOPE, ranges.preset("24h", NOW, VIENNA), ("tag",), by_steps=False, is_single=False)
    assert found.shape is None


def test_steps_of_five_minutes_are_not_made_of_quarters():
    span = ranges.custom(NOW - dt.timedelta(hours=2), NOW, NOW, VIENNA, Step("minute", 5))
    assert [part.level for part in planning.plan(SCOPE, span, (), by_steps=True).parts] == [Level.MINUTE]
