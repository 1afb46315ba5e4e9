"""What plans and subscriptions accept."""

import datetime as dt

import pytest
from django.core.exceptions import ValidationError
from django.db.models import ProtectedError
from django.utils import timezone

from billing.models import Plan, PlanTier, Subscription
from tests.cast import Cast

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("field", ["max_input_tokens", "tokens_per_month", "requests_per_minute", "max_concurrency"])
def test_a_limit_of_nothing_is_refused_and_an_empty_one_does_not_limit(field: str):
    with pytest.raises(ValidationError) as caught:
        Plan(name="P", slug="p-limit", **{field: 0}).full_clean()
    assert caught.value.message_dict == {field: ["Ensure this value is greater than or equal to 1."]}
    Plan(name="P", slug="p-limit", **{field: None}).full_clean()


def test_money_is_never_negative():
    with pytest.raises(ValidationError) as caught:
        Plan(name="P", slug="p-money", price_usd_per_month=-1, usd_per_month=-1).full_clean()
    assert set(caught.value.message_dict) == {"price_usd_per_month", "usd_per_month"}


def test_a_tier_stands_in_a_plan_once(cast: Cast):
    with pytest.raises(ValidationError, match="already exists"):
        PlanTier(plan=cast.plan, tier="free").full_clean()


def test_a_tenant_has_one_open_subscription(cast: Cast):
    with pytest.raises(ValidationError) as caught:
        Subscription(tenant=cast.acme.tenant, plan=cast.plan, started_at=timezone.now()).full_clean()
    assert caught.value.messages == ["This tenant has an open subscription already. End that one first."]
    cast.acme.subscription.ended_at = timezone.now()
    cast.acme.subscription.save()
    Subscription(tenant=cast.acme.tenant, plan=cast.plan, started_at=timezone.now()).full_clean()


def test_a_subscription_ends_after_it_starts(cast: Cast):
    subscription = cast.acme.subscription
    subscription.ended_at = subscription.started_at - dt.timedelta(seconds=1)
    with pytest.raises(ValidationError) as caught:
        subscription.full_clean()
    assert caught.value.messages == ["A subscription must end after it starts."]


def test_a_plan_that_somebody_is_on_stays(cast: Cast):
    with pytest.raises(ProtectedError):
        cast.plan.delete()
