"""Every limit in force, with what is used, held and left of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django_redis import get_redis_connection

from billing import in_force, limits, live_counters
from billing.in_force import Line
from billing.models import Budget, BudgetRaise, Plan
from tenants import api_keys, redis_keys
from tenants.models import EndUser, Tenant
from tests.billing.alert_ledger import NOW, use
from tests.cast import Cast

pytestmark = pytest.mark.django_db
NANO = limits.NANO_PER_USD
DAY = dt.timedelta(days=1)


@pytest.fixture
def acme(cast: Cast) -> Iterator[Tenant]:
    """With no limits but those that a test makes."""
    tenant = cast.acme.tenant
    Budget.objects.all().delete()
    cast.plan.tiers.all().delete()
    yield tenant
    get_redis_connection("default").delete(redis_keys.counters(tenant.pk), redis_keys.user_counters(tenant.pk, "ann"))


def budget(tenant: Tenant, **fields: Any) -> Budget:
    return Budget.objects.create(tenant=tenant, **{"name": "Budget", "amount": 100, **fields})


def only(tenant: Tenant) -> Line:
    (line,) = in_force.read(tenant, NOW)
    return line


def count(tenant: Tenant, line: Line, used: int, held: int = 0, subject: str = "") -> None:
    """As the gateway counts it in Redis."""
    is_user = line.limit.dimension == limits.END_USER
    key = redis_keys.user_counters(tenant.pk, subject) if is_user else redis_keys.counters(tenant.pk)
    field = limits.field(line.limit.metric, line.window, line.limit.dimension, "" if is_user else subject)
    get_redis_connection("default").hset(key, mapping={field: used, f"h{field}": held})


def test_budgets_the_plans_months_its_tiers_and_the_keys_own_amounts_are_all_there(cast: Cast, acme: Tenant):
    budget(acme)
    budget(acme, name="Off", is_active=False)
    Plan.objects.filter(pk=cast.plan.pk).update(usd_per_month=500, tokens_per_month=1_000_000)
    cast.plan.tiers.create(tier="free", tokens_per_day=50_000)
    key = api_keys.create(acme, name="bot").api_key
    key.usd_per_month = 5
    key.save()
    revoked = api_keys.create(acme, name="lost").api_key
    revoked.tokens_per_month = 5
    revoked.save()
    api_keys.revoke(revoked)
    lines = in_force.read(acme, NOW)
    assert sorted((line.origin, line.limit.dimension, line.limit.metric, line.amount, line.is_active) for line in lines) == [
        ("budget", "tenant", "usd", 100 * NANO, False),
        ("budget", "tenant", "usd", 100 * NANO, True),
        ("key", "key", "usd", 5 * NANO, True),
        ("plan", "tenant", "tokens", 1_000_000, True),
        ("plan", "tenant", "usd", 500 * NANO, True),
        ("tier", "end_user", "tokens", 50_000, True),
    ]  # fmt: skip
    assert {line.limit.source for line in in_force.of_plan(acme, NOW)} == {
        "plan:usd_per_month",
        "plan:tokens_per_month",
    }


def test_nothing_of_another_tenant_is_there(cast: Cast, acme: Tenant):
    budget(acme)
    use(acme, usd="7")
    use(cast.globex.tenant, usd="50")
    assert in_force.read(cast.globex.tenant, NOW) == []
    assert only(acme).nearest.used == 7 * NANO  # type: ignore[union-attr]


def test_what_redis_counts_is_shown_where_it_is_ahead_of_the_ledger(acme: Tenant):
    budget(acme)
    use(acme, usd="40")
    count(acme, only(acme), 42 * NANO, 3 * NANO)
    use_ = only(acme).nearest
    assert use_ is not None
    assert (use_.used, use_.held, use_.left, use_.percent) == (42 * NANO, 3 * NANO, 55 * NANO, 42)


def test_what_the_ledger_knows_is_shown_where_redis_has_not_counted_from_the_start(acme: Tenant):
    budget(acme)
    use(acme, usd="40")
    count(acme, only(acme), 2 * NANO, 0)
    assert only(acme).nearest.used == 40 * NANO  # type: ignore[union-attr]


def test_with_redis_away_the_ledgers_figures_are_shown_and_marked(acme: Tenant, monkeypatch: pytest.MonkeyPatch):
    from redis import Redis

    budget(acme)
    use(acme, usd="40")
    monkeypatch.setattr(live_counters, "get_redis_connection", lambda _alias: Redis(host="127.0.0.1", port=1))
    line = only(acme)
    assert (line.is_live, line.nearest.used, line.nearest.held) == (False, 40 * NANO, 0)  # type: ignore[union-attr]


def test_of_a_limit_for_each_those_are_shown_who_used_most(acme: Tenant):
    budget(acme, scope="end_user", metric="tokens", window="day", amount=1000)
    for number in range(7):
        use(acme, ("end_user", f"u-{number}"), tokens=100 * number)
    line = only(acme)
    assert [(item.subject, item.used, item.percent) for item in line.uses or ()] == [
        ("u-6", 600, 60), ("u-5", 500, 50), ("u-4", 400, 40), ("u-3", 300, 30), ("u-2", 200, 20),
    ]  # fmt: skip
    assert line.closeness == 0.6


def test_a_tiers_amount_is_about_its_own_end_users(cast: Cast, acme: Tenant):
    cast.plan.tiers.create(tier="paid", tokens_per_day=1000)
    for name, tier in (("ann", "paid"), ("ben", "free")):
        EndUser.objects.create(tenant=acme, external_id=name, tier=tier)
        use(acme, ("end_user", name), tokens=500)
    line = only(acme)
    assert (line.tier, [item.subject for item in line.uses or ()]) == ("paid", ["ann"])


def test_keys_are_called_by_their_names_and_what_was_deleted_by_its_id(cast: Cast, acme: Tenant):
    budget(acme, scope="key")
    key, gone = cast.acme.key.api_key, "01999999-0000-7000-8000-000000000001"
    use(acme, ("key", str(key.pk)), usd="2")
    use(acme, ("key", gone), usd="1")
    assert [item.name for item in only(acme).uses or ()] == [str(key), f"deleted ({gone})"]


def test_a_raise_in_force_is_the_amount_and_the_highest_counts(acme: Tenant):
    row = budget(acme)
    for amount, start, end in ((150, -1, 1), (200, -2, 3), (900, 1, 2), (800, -2, -1)):
        BudgetRaise.objects.create(
            tenant=acme, budget=row, amount=amount, starts_at=NOW + start * DAY, ends_at=NOW + end * DAY, reason="x"
        )
    line = only(acme)
    assert line.raised is not None
    assert (line.amount, line.limit.amount, line.raised.amount) == (200 * NANO, 100 * NANO, 200)


def test_a_forecast_comes_from_this_window_and_those_before_it(acme: Tenant):
    budget(acme, window="day", amount=10)
    for days, usd in ((1, "8"), (2, "4"), (9, "1000")):  # a week is looked at
        use(acme, usd=usd, at=NOW - days * DAY)
    use(acme, usd="6")
    line = only(acme)
    elapsed = (NOW.timestamp() - line.window.start) / 86_400
    rate = (6 + 0.25 * 6) / (elapsed + 0.25)  # 8 and 4 a day, and nothing before the first use that is looked at
    assert line.forecast is not None
    assert line.forecast.at_end == pytest.approx((6 + rate * (1 - elapsed)) * NANO)


def test_of_a_limit_for_each_it_is_the_nearest_ones(acme: Tenant):
    budget(acme, scope="end_user", metric="tokens", window="day", amount=100)
    for days, tokens in ((1, 50), (0, 60)):
        use(acme, ("end_user", "ann"), tokens=tokens, at=NOW - days * DAY)
        use(acme, ("end_user", "ben"), tokens=1, at=NOW - days * DAY)
    line = only(acme)
    elapsed = (NOW.timestamp() - line.window.start) / 86_400
    assert line.forecast is not None
    assert line.forecast.at_end == pytest.approx(60 + (60 + 0.25 * 50) / (elapsed + 0.25) * (1 - elapsed))


def test_a_search_finds_those_whose_names_hold_the_text(acme: Tenant):
    budget(acme, scope="end_user", metric="tokens", window="day", amount=1000)
    for number, name in enumerate(("ann-1", "ANN-2", "ben", "100%", "under_score", "underXscore")):
        use(acme, ("end_user", name), tokens=100 + number)
    line = only(acme)

    def found(text: str) -> list[str]:
        return [item.subject for item in in_force.search(acme, line, text) or ()]

    assert found("ann") == ["ANN-2", "ann-1"]
    assert found("%") == ["100%"]
    assert found("r_s") == ["under_score"]
    assert found("nobody") == []


def test_keys_are_searched_by_their_names(cast: Cast, acme: Tenant):
    budget(acme, scope="key")
    for name in ("support bot", "other"):
        use(acme, ("key", str(api_keys.create(acme, name=name).api_key.pk)), usd="1")
    found = in_force.search(acme, only(acme), "BOT")
    assert [item.name.split(" (")[0] for item in found or ()] == ["support bot"]


def test_it_asks_the_database_as_often_for_many_limits_as_for_few(acme: Tenant):
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            in_force.read(acme, NOW)
        return len(captured)

    def more(mark: int) -> None:
        for scope, window in (("tenant", "month"), ("end_user", "day"), ("key", "hour"), ("tag", "total")):
            budget(acme, name=f"{scope} {mark}", scope=scope, window=window)

    use(acme, ("end_user", "ann"), ("tenant", ""), ("key", "01999999-0000-7000-8000-000000000001"), tokens=1, usd="1")
    more(0)
    few = queries()
    for mark in range(1, 5):
        more(mark)
    assert queries() == few
    assert few <= 20
