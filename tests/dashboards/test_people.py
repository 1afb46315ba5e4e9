"""End users are counted exactly, also where days are packed: what comes late, is replaced, or belongs to another zone's days among it."""

from __future__ import annotations

import datetime as dt
import random
from collections import defaultdict
from dataclasses import replace
from decimal import Decimal
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest

from dashboards import metrics, packing, people, ranges, rebuilding, rolling, scopes, users
from dashboards.filters import Filters
from dashboards.models import UserDay
from dashboards.reading import View
from tenants.models import Tenant
from tests.dashboards import records
from tests.dashboards.records import Record
from tests.dashboards.test_equals_the_log import matches

pytestmark = pytest.mark.django_db
NOW = dt.datetime(2026, 11, 4, 14, 37, tzinfo=dt.UTC)
ZONE = "America/Havana"  # has 1 November's midnight twice
DAYS = 11


def a_tenant() -> Tenant:
    """Its log goes back far enough whenever the test runs."""
    return Tenant.objects.create(name="Acme", slug=f"acme-{uuid4().hex[:8]}", timezone=ZONE, log_days=3650)


def history(tenant_id: UUID, rng: random.Random, count: int = 150) -> list[Record]:
    found: list[Record] = []
    for _ in range(count):
        at = NOW - dt.timedelta(days=DAYS * rng.random())
        if rng.random() < 0.3:
            at = at.astimezone(ZoneInfo(ZONE)).replace(hour=0, minute=0, second=0, microsecond=0).astimezone(dt.UTC)
        at = at.replace(microsecond=0)
        number = rng.randrange(9)
        for item in records.at_random(tenant_id, rng, at):
            found.append(replace(item, end_user=item.end_user and f"{item.end_user}{number}"))
    return found


@pytest.fixture
def tenant() -> Tenant:
    return a_tenant()


def rolled(now: dt.datetime = NOW) -> None:
    while rolling.roll_up(now):
        pass


def counted(view: View, everything: list[Record]) -> dict[str, tuple[int, Decimal]]:
    """By hand: user → requests and cost."""
    found: dict[str, tuple[int, Decimal]] = defaultdict(lambda: (0, Decimal(0)))
    for item in everything:
        is_in = view.range.start <= item.accepted_at < view.range.end and matches(item, view.filters.values)  # type: ignore[arg-type]
        if is_in and item.end_user:
            requests, cost = found[item.end_user]
            found[item.end_user] = requests + item.is_final, cost + item.cost_usd
    return found


def check(view: View, everything: list[Record], *, is_packed: bool = True) -> None:
    wanted = counted(view, everything)
    assert (people.read(view) is not None) is is_packed
    found = users.users(view, leaders=5)
    assert found.count == len(wanted)
    assert found.cost_usd == sum((cost for _requests, cost in wanted.values()), Decimal(0))
    most = sorted(wanted.items(), key=lambda item: (-item[1][1], item[0]))[:5]
    assert [(one.value, one.requests, one.cost_usd) for one in found.leaders] == [
        (name, requests, cost) for name, (requests, cost) in most
    ]


def views(tenant: Tenant, **filters: tuple[str, ...]) -> list[View]:
    scope, zone = scopes.of_tenant(tenant), ZoneInfo(ZONE)
    spans = [
        ranges.custom(NOW - dt.timedelta(days=10, hours=5), NOW + dt.timedelta(minutes=1), NOW, zone),
        ranges.preset("7d", NOW, zone),
        ranges.custom(NOW - dt.timedelta(days=9), NOW - dt.timedelta(days=4), NOW, ZoneInfo("UTC")),
    ]
    return [View(scope, span, Filters(**filters)) for span in spans]


@pytest.mark.parametrize(
    "filters",
    [{}, {"model": ("m1",), "stream": ("true",), "task": ("", "sort"), "status": ("2xx", "429")}],
    ids=["all", "several"],
)
def test_users_are_those_of_the_records(tenant: Tenant, filters: dict[str, tuple[str, ...]]):
    everything = history(tenant.pk, random.Random(f"people {sorted(filters)}"))
    records.put(everything)
    rolled()
    for view in views(tenant, **filters):
        check(view, everything, is_packed=False)
    assert packing.pack(NOW, seconds=60) > 2 * (DAYS - 3)
    assert packing.pack(NOW, seconds=60) == 0
    for view in views(tenant, **filters):
        check(view, everything)


def test_what_is_late_or_replaced_is_in_a_packed_day_once(tenant: Tenant):
    rng = random.Random(4)
    everything = history(tenant.pk, rng)
    records.put(everything)
    rolled()
    at = NOW - dt.timedelta(days=5)
    waiting = records.record(tenant.pk, at, end_user="waits", cost_usd=Decimal("0.5"))
    records.put([waiting])  # in the log as the day is packed, and not in the sums
    packing.pack(NOW, seconds=60)
    late = [records.record(tenant.pk, at, end_user=name, cost_usd=Decimal(7)) for name in ("new", "waits", "")]
    records.put(late)
    gone = next(item for item in everything if item.end_user and item.accepted_at < NOW - dt.timedelta(days=3))
    better = replace(gone, cost_usd=gone.cost_usd + 9, end_user="better")
    records.put([better], replacing=[gone])
    rolled()
    everything = [item for item in everything if item is not gone] + [waiting, *late, better]
    for view in views(tenant):
        wanted, found = counted(view, everything), users.users(view, leaders=100)
        known = {one.value: (one.requests, one.cost_usd) for one in found.leaders}
        assert {name: values for name, values in known.items() if values != (0, 0)} == {
            name: values for name, values in wanted.items() if values != (0, 0)
        }


def test_charts_and_tables_by_end_user_are_the_same_from_packed_days(tenant: Tenant):
    everything = history(tenant.pk, random.Random(8))
    records.put(everything)
    rolled()
    view = views(tenant)[0]

    def asked() -> list[tuple[metrics.Line, ...]]:
        chart = metrics.chart(view, ("cost_usd", "requests"), by="end_user", order="cost_usd", top=4)
        table = metrics.table(view, "end_user", ("cost_usd", "requests", "input_tokens"), order="requests", limit=6)
        return [chart.lines, table.lines]

    before = asked()
    packing.pack(NOW, seconds=60)
    assert people.leading(view, "cost_usd", 4) is not None
    assert asked() == before
    assert before[0][-1].name is None
    assert "" in [line.name for line in before[1]]


def test_a_day_that_one_of_two_tenants_has_not_packed_is_read_from_the_rollups(tenant: Tenant):
    rng = random.Random(6)
    other = a_tenant()
    everything = [*history(tenant.pk, rng, 100), *history(other.pk, rng, 100)]
    records.put(everything)
    rolled()
    packing.pack(NOW, seconds=60)
    UserDay.objects.filter(tenant=other, bucket=dt.datetime(2026, 10, 28, tzinfo=dt.UTC)).delete()
    scope = replace(scopes.across_tenants(reason="test"), tenant_ids=(tenant.pk, other.pk))
    view = View(scope, ranges.custom(NOW - dt.timedelta(days=9), NOW, NOW, ZoneInfo("UTC")), Filters())
    found = people.read(view)
    assert found is not None
    each = defaultdict(set)
    for item in everything:
        if item.end_user and view.range.start <= item.accepted_at < view.range.end:
            each[item.tenant_id].add(item.end_user)
    assert found.sums.count == sum(len(names) for names in each.values())


def test_a_zone_that_is_changed_has_its_days_packed_anew(tenant: Tenant):
    everything = history(tenant.pk, random.Random(9))
    records.put(everything)
    rolled()
    packing.pack(NOW, seconds=60)
    tenant.timezone = "Asia/Tokyo"
    tenant.save()
    rebuilding.follow_time_zones(NOW)
    span = ranges.preset("7d", NOW, ZoneInfo("Asia/Tokyo"))
    view = View(scopes.of_tenant(tenant), span, Filters())
    check(view, everything, is_packed=False)
    assert packing.pack(NOW, seconds=60) > 5
    check(view, everything)


def test_days_that_are_not_over_or_not_in_the_log_any_more_are_not_packed(tenant: Tenant):
    for days in (0, 1, 30):
        records.put([records.record(tenant.pk, NOW - dt.timedelta(days=days), end_user="ada")])
    rolled()
    Tenant.objects.filter(pk=tenant.pk).update(log_days=10)
    packing.pack(NOW, seconds=60)
    buckets = UserDay.objects.filter(tenant=tenant, level=4).values_list("bucket", flat=True)
    assert [f"{bucket:%m-%d}" for bucket in buckets] == ["11-03"]
