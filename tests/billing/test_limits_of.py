"""Which limits are in force for a tenant: of the plan it is on now, of the plan's tiers, and of its active budgets."""

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from billing import selectors
from billing.limits import Allowance, Limit, Limits, Pace, Raise, Tier
from billing.models import Budget, BudgetRaise, Plan, PlanTier, Subscription
from tests.cast import Cast

pytestmark = pytest.mark.django_db

DAY = dt.timedelta(days=1)


def plan(slug: str, **fields: Any) -> Plan:
    return Plan.objects.create(name=slug.title(), slug=slug, **fields)


def move(cast: Cast, to: Plan, *, started: dt.timedelta, ended: dt.timedelta | None = None) -> Subscription:
    """Acme on another plan, from and until so long from now."""
    now = timezone.now()
    return Subscription.objects.create(
        tenant=cast.acme.tenant, plan=to, started_at=now + started, ended_at=None if ended is None else now + ended
    )


def end(cast: Cast, at: dt.timedelta) -> None:
    Subscription.objects.filter(pk=cast.acme.subscription.pk).update(ended_at=timezone.now() + at)


def limits_of(cast: Cast) -> Limits:
    return selectors.limits_of(cast.acme.tenant.pk)


def budget(cast: Cast, **fields: Any) -> Budget:
    return Budget.objects.create(**{"tenant": cast.acme.tenant, "name": "B", "amount": Decimal(10), **fields})


def of_budget(cast: Cast, row: Budget) -> Limit:
    (found,) = [limit for limit in limits_of(cast).limits if limit.source == str(row.pk)]
    return found


def test_the_plans_limits_as_they_are_enforced(cast: Cast):
    end(cast, -DAY / 2)
    full = plan(
        "full",
        max_input_tokens=4096,
        max_output_tokens=1024,
        max_request_usd=Decimal("0.25"),
        tokens_per_month=1_000_000,
        usd_per_month=Decimal("99.5"),
        requests_per_minute=60,
        tokens_per_minute=90_000,
        max_concurrency=5,
    )
    PlanTier.objects.create(
        plan=full, tier="free", tokens_per_day=50_000, requests_per_minute=3, tokens_per_minute=4, max_concurrency=1
    )
    PlanTier.objects.create(plan=full, tier="paid", requests_per_minute=30)
    subscription = move(cast, full, started=-DAY / 2)
    cast.acme.budget.delete()
    since = subscription.changed_at.timestamp()  # the later of the two
    assert limits_of(cast) == Limits(
        max_input_tokens=4096,
        max_output_tokens=1024,
        max_request_nanousd=250_000_000,
        pace=Pace(requests_per_minute=60, tokens_per_minute=90_000, max_concurrency=5),
        tiers={
            "free": Tier(
                Pace(requests_per_minute=3, tokens_per_minute=4, max_concurrency=1),
                (
                    Limit(
                        source="tier:free:tokens_per_day",
                        name="tier free, tokens per day",
                        dimension="end_user",
                        metric="tokens",
                        window="day",
                        amount=50_000,
                        thresholds=(),
                        counted_from=since,
                    ),
                ),
            ),
            "paid": Tier(Pace(requests_per_minute=30), ()),
        },
        limits=(
            Limit(
                source="plan:tokens_per_month",
                name="plan Full, tokens per month",
                dimension="tenant",
                metric="tokens",
                window="month",
                amount=1_000_000,
                counted_from=since,
            ),
            Limit(
                source="plan:usd_per_month",
                name="plan Full, USD per month",
                dimension="tenant",
                metric="usd",
                window="month",
                amount=99_500_000_000,
                counted_from=since,
            ),
        ),
    )


def test_an_empty_plan_limits_nothing(cast: Cast):
    end(cast, -DAY / 2)
    move(cast, plan("empty"), started=-DAY / 2)
    cast.acme.budget.delete()
    assert limits_of(cast) == Limits()


def test_a_limit_of_zero_dollars_is_a_limit(cast: Cast):
    end(cast, -DAY / 2)
    move(cast, plan("zero", max_request_usd=0, usd_per_month=0), started=-DAY / 2)
    found = limits_of(cast)
    assert found.max_request_nanousd == 0
    assert [limit.amount for limit in found.limits if limit.source == "plan:usd_per_month"] == [0]


def test_a_plan_that_serves_without_redis_has_an_allowance(cast: Cast):
    end(cast, -DAY / 2)
    calm = plan("calm", when_store_is_down="allowance", allowance_requests=7, allowance_usd=Decimal("0.5"))
    move(cast, calm, started=-DAY / 2)
    assert limits_of(cast).allowance == Allowance(requests=7, nanousd=500_000_000)


def test_the_plan_is_the_open_subscriptions(cast: Cast):
    assert limits_of(cast).max_input_tokens == 4096


def test_an_ended_subscription_limits_no_more(cast: Cast):
    end(cast, -dt.timedelta(seconds=1))
    found = limits_of(cast)
    assert (found.max_input_tokens, found.tiers) == (None, {})
    assert [limit.source for limit in found.limits] == [str(cast.acme.budget.pk)]  # budgets hold without a plan


def test_a_subscription_with_an_end_to_come_still_limits(cast: Cast):
    end(cast, DAY)
    assert limits_of(cast).max_input_tokens == 4096


def test_a_subscription_that_begins_later_does_not_limit_yet(cast: Cast):
    end(cast, DAY)
    move(cast, plan("later", max_input_tokens=1), started=DAY)
    assert limits_of(cast).max_input_tokens == 4096


def test_only_a_future_subscription_is_none(cast: Cast):
    cast.acme.subscription.delete()
    move(cast, plan("later", max_input_tokens=1), started=DAY)
    assert limits_of(cast).max_input_tokens is None


def test_of_two_that_overlap_the_later_one_counts(cast: Cast):
    end(cast, DAY)
    move(cast, plan("newer", max_input_tokens=1), started=-DAY / 2)
    assert limits_of(cast).max_input_tokens == 1


def test_another_tenants_plan_and_budgets_are_not_ours(cast: Cast):
    Subscription.objects.filter(tenant=cast.globex.tenant).update(plan=plan("theirs", max_input_tokens=1))
    found = limits_of(cast)
    assert found.max_input_tokens == 4096
    assert str(cast.globex.budget.pk) not in {limit.source for limit in found.limits}


def test_a_budget_as_it_is_enforced(cast: Cast):
    row = budget(
        cast,
        name="Support",
        scope="task",
        subject="chat-support",
        metric="usd",
        window="week",
        amount=Decimal("12.345678"),
        thresholds=[95, 50],
        cheaper_at=70,
        cheaper_model="gpt-4o-mini",
        cached_only_at=90,
    )
    assert of_budget(cast, row) == Limit(
        source=str(row.pk),
        name="Support",
        dimension="task",
        metric="usd",
        window="week",
        amount=12_345_678_000,
        subject="chat-support",
        raises=(),
        thresholds=(50, 95),
        cheaper_at=70,
        cheaper_model="gpt-4o-mini",
        cached_only_at=90,
        counted_from=row.changed_at.timestamp(),
    )


@pytest.mark.parametrize(("metric", "amount"), [("usd", 10_000_000_000), ("tokens", 10), ("requests", 10)])
def test_only_dollars_are_counted_in_nano_dollars(cast: Cast, metric: str, amount: int):
    assert of_budget(cast, budget(cast, metric=metric)).amount == amount


def test_a_keys_budget_is_for_that_key_or_for_each(cast: Cast):
    key = cast.acme.key.api_key
    one = budget(cast, name="One", scope="key", api_key=key)
    each = budget(cast, name="Each", scope="key")
    assert (of_budget(cast, one).subject, of_budget(cast, each).subject) == (str(key.pk), "")


def test_a_budget_that_is_switched_off_limits_nothing(cast: Cast):
    row = budget(cast, is_active=False)
    assert str(row.pk) not in {limit.source for limit in limits_of(cast).limits}


def test_raises_count_from_their_beginning_until_their_end(cast: Cast):
    row = budget(cast, metric="tokens")
    now = timezone.now()
    spans = [(-2 * DAY, -DAY, 99), (-DAY, DAY, 20), (-DAY, DAY, 30), (DAY, 2 * DAY, 15)]
    for start, stop, amount in spans:
        BudgetRaise.objects.create(
            tenant=cast.acme.tenant, budget=row, amount=amount, starts_at=now + start, ends_at=now + stop, reason="sale"
        )
    limit = of_budget(cast, row)
    assert set(limit.raises) == {
        Raise((now + start).timestamp(), (now + stop).timestamp(), amount) for start, stop, amount in spans
    }
    moments = [-3 * DAY, -1.5 * DAY, 0 * DAY, DAY, 1.5 * DAY, 3 * DAY]
    assert [limit.amount_at((now + moment).timestamp()) for moment in moments] == [10, 99, 30, 15, 15, 10]


def test_a_raise_in_dollars_is_exact(cast: Cast):
    row = budget(cast)
    now = timezone.now()
    BudgetRaise.objects.create(
        tenant=cast.acme.tenant, budget=row, amount=Decimal("10.000001"), starts_at=now, ends_at=now + DAY, reason="x"
    )
    assert of_budget(cast, row).amount_at(now.timestamp()) == 10_000_001_000


def test_a_lower_raise_lowers_nothing():
    limit = Limit("b", "B", "tenant", "tokens", "day", 10, raises=(Raise(0, 100, 5),))
    assert limit.amount_at(50) == 10


def test_a_keys_own_limits_are_budgets_for_it(cast: Cast):
    key = cast.acme.key.api_key
    key.tokens_per_month, key.usd_per_month = 5000, Decimal("1.5")
    key.save()
    found = selectors.of_key(
        key_id=key.pk,
        tokens_per_month=key.tokens_per_month,
        usd_per_month=key.usd_per_month,
        changed_at=key.changed_at,
    )
    assert [(limit.source, limit.dimension, limit.subject, limit.window, limit.amount) for limit in found] == [
        ("key:tokens_per_month", "key", str(key.pk), "month", 5000),
        ("key:usd_per_month", "key", str(key.pk), "month", 1_500_000_000),
    ]
    assert {limit.counted_from for limit in found} == {key.changed_at.timestamp()}
    none = selectors.of_key(key_id=key.pk, tokens_per_month=None, usd_per_month=None, changed_at=key.changed_at)
    assert none == ()


def test_many_budgets_are_read_with_as_many_queries_as_one(cast: Cast):
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            limits_of(cast)
        return len(captured)

    few = queries()
    for number in range(5):
        budget(cast, name=f"B{number}")
    assert (queries(), few) == (4, 4)
