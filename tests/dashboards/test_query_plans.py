"""How PostgreSQL answers what the pages ask: from rollups, and where the log is read, by an index and only in the days it is about."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Iterator
from io import StringIO
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from benchmarks import pages
from config import traffic
from config.management import traffic_quality, traffic_rows, traffic_writer
from dashboards import packing, ranges, requests, rolling, scopes, users
from dashboards.filters import Filters
from dashboards.reading import View
from gateway import partitions
from tenants.models import Tenant
from tests.dashboards import records

pytestmark = pytest.mark.django_db

DAYS, REQUESTS = 10, 4000
_PARTITION = re.compile(r"^gateway_requestlog_(\d{8})$")


@pytest.fixture
def now() -> dt.datetime:
    """Traffic of twelve days, rolled up, with PostgreSQL's statistics of it."""
    at = timezone.now()
    Tenant.objects.update(log_days=None, log_kept_from=None)  # of others' tenants that tests of the whole way have left
    call_command("seed_demo", stdout=StringIO())
    days = [at.date() - dt.timedelta(days=back) for back in range(DAYS - 1, -1, -1)]
    partitions.make(days)
    counts = traffic_rows.spread(traffic.TRAFFIC, days, REQUESTS, 1)
    for plan in traffic.TRAFFIC:
        tenant = Tenant.objects.get(slug=plan.tenant)
        ground = traffic_writer.ground(plan, tenant, at)
        for day in days:
            traffic_writer.write_day(plan, ground, tenant, day, counts[plan.tenant, day], now=at, seed=1)
    while rolling.roll_up(at):
        pass
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE gateway_requestlog, dashboards_cell, dashboards_series")
    return at


def statements(page: pages.Page, view: View) -> list[tuple[str, Any]]:
    """Every SELECT that the page's questions lead to."""
    found: list[tuple[str, Any]] = []

    def note(execute: Any, sql: str, parameters: Any, many: bool, context: Any) -> Any:
        if sql.lstrip().startswith(("SELECT", "WITH")):
            found.append((sql, parameters))
        return execute(sql, parameters, many, context)

    with connection.execute_wrapper(note):
        for question in page.questions:
            question(view)
    return found


def scans(sql: str, parameters: Any) -> Iterator[tuple[str, str, str]]:
    """(kind of node, table, condition of its index) of everything that the statement's plan reads. A day's few hundred rows are quicker
    read from end to end, the fewer the younger the day is: PostgreSQL does so here only where no index serves.
    """
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(f"EXPLAIN (FORMAT JSON) {sql}", parameters)
        found = cursor.fetchone()[0]
        cursor.execute("SET LOCAL enable_seqscan = on")
    nodes = [(json.loads(found) if isinstance(found, str) else found)[0]["Plan"]]
    while nodes:
        node = nodes.pop()
        nodes += node.get("Plans", [])
        if "Relation Name" in node:
            below = node.get("Plans", [{}])[0]  # of a bitmap
            yield node["Node Type"], node["Relation Name"], node.get("Index Cond") or below.get("Index Cond", "")


def test_pages_are_answered_from_rollups_and_the_log_is_read_by_index_in_its_own_days(now):
    acme = Tenant.objects.get(slug="acme")
    views = pages.views(acme, now)
    asked = [(page, view) for name, view in views.items() if name in ("24h", "7d", "30d") for page in pages.PAGES]
    asked += [(page, views["7d, one task"]) for page in pages.PAGES]
    asked.append((pages.month_outlook(acme, now), views["24h"]))
    asked += [(pages.OPERATOR, view) for view in pages.views_across(now).values()]
    read_log = set()
    for page, view in asked:
        earliest = view.range.previous().start
        for sql, parameters in statements(page, view):
            for kind, table, condition in scans(sql, parameters):
                if not table.startswith("gateway_requestlog"):
                    continue
                read_log.add(page.name)
                assert kind in ("Index Scan", "Index Only Scan", "Bitmap Heap Scan"), (page.name, kind, sql)
                assert "accepted_at" in condition, (page.name, condition)
                day = _PARTITION.match(table)
                assert day is None or day[1] >= f"{earliest:%Y%m%d}", (page.name, table)
    assert "requests" in read_log
    assert read_log <= {
        "requests",
        "overview",
        "operator",
    }  # these two: the minutes up to which the period before has come


def test_an_end_users_requests_are_found_by_their_own_index():
    now = timezone.now()
    tenant = Tenant.objects.create(name="Acme", slug="acme")
    records.put(  # enough for the planner to have a choice: where there are few rows it takes any index
        records.record(
            tenant.pk, now - dt.timedelta(seconds=25 * place), end_user=f"user-{place % 100}" if place % 100 else "ada"
        )
        for place in range(3000)
    )
    view = View(scopes.of_tenant(tenant), ranges.preset("24h", now, ZoneInfo("UTC")), Filters(end_user=("ada",)))
    (sql, parameters) = statements(pages.Page("one", (requests.page,)), view)[-1]
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE gateway_requestlog")
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(f"EXPLAIN (FORMAT JSON) {sql}", parameters)
        plan = json.dumps(cursor.fetchone()[0])
    assert re.search(r"end_user_accepted_at_idx|gateway_requestlog_end_user", plan), plan


def test_votes_and_scores_are_read_by_the_time_of_their_answers_and_whole_days_as_sums(now):
    for tenant in Tenant.objects.filter(slug__in=["acme", "globex"]):
        traffic_quality.rate(tenant.pk)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE gateway_feedback, gateway_judgement, gateway_ratingday")
    views = pages.views(Tenant.objects.get(slug="acme"), now)
    read = set()
    for name in ("24h", "30d"):
        for sql, parameters in statements(pages.QUALITY, views[name]):
            for kind, table, condition in scans(sql, parameters):
                read.add(table)
                if table in ("gateway_feedback", "gateway_judgement"):
                    assert kind in ("Index Scan", "Index Only Scan", "Bitmap Heap Scan"), (name, kind, sql)
                    assert "_at" in condition or "request_id" in condition, (name, condition, sql)
    assert {"gateway_feedback", "gateway_judgement", "gateway_ratingday"} <= read


def test_end_users_of_packed_days_are_not_read_row_by_row(now):
    acme = Tenant.objects.get(slug="acme")
    view = pages.views(acme, now)["7d"]

    def days_read() -> set[str]:
        """Which days' rows of end users it reads, by the literals of its statements."""
        found = set()
        for sql, parameters in statements(pages.Page("users", (users.users,)), view):
            if "by_end_user" in sql:
                found |= {f"{value:%Y-%m-%d}" for value in parameters.values() if isinstance(value, dt.datetime)}
        return found

    assert len(days_read()) == 2  # from the first day to the last
    before = users.users(view, leaders=3)
    assert packing.pack(now, seconds=60) > 2 * (DAYS - 3)
    today = now.astimezone(ZoneInfo(acme.timezone)).date()
    yesterday = today - dt.timedelta(days=1)
    assert min(days_read()) >= f"{yesterday:%Y-%m-%d}"
    after = users.users(view, leaders=3)
    assert (after.count, after.cost_usd, after.leaders) == (before.count, before.cost_usd, before.leaders)
