"""Whether a failed call is made once more."""

from __future__ import annotations

from uuid import uuid4

import pytest

from gateway.errors import (
    UpstreamCredentialRefused,
    UpstreamFailed,
    UpstreamOverloaded,
    UpstreamRateLimited,
    UpstreamRejected,
    UpstreamTimedOut,
)
from gateway.resilience import retries
from gateway.resilience.retries import RetryBudget, pause_seconds
from gateway.types import Usage


@pytest.mark.parametrize(("made", "low", "high"), [(0, 0.05, 0.1), (1, 0.1, 0.2)])
def test_pauses_grow_and_are_drawn(made, low, high):
    pauses = {pause_seconds(UpstreamFailed("x"), made, has_fallback=False) for _ in range(50)}
    assert len(pauses) > 10
    assert all(pause is not None and low <= pause <= high for pause in pauses)


def test_twice_alone_and_once_where_another_model_can_answer():
    error = UpstreamOverloaded("x")
    assert [pause_seconds(error, made, has_fallback=False) is not None for made in range(3)] == [True, True, False]
    assert [pause_seconds(error, made, has_fallback=True) is not None for made in range(2)] == [True, False]


def test_not_what_cannot_help():
    charged = UpstreamFailed("x")
    charged.usage = Usage(input_tokens=1)
    for error in (
        UpstreamTimedOut("x"),
        UpstreamCredentialRefused("x"),
        UpstreamRejected("x", provider_status=400),
        charged,
    ):
        assert pause_seconds(error, 0, has_fallback=False) is None


def test_waits_as_the_provider_asks_unless_it_is_long_or_another_model_can_answer():
    soon, late = (UpstreamRateLimited("x", retry_after_seconds=seconds) for seconds in (1.5, 30))
    assert 1.5 <= (pause_seconds(soon, 0, has_fallback=False) or 0) <= 1.6
    assert pause_seconds(late, 0, has_fallback=False) is None
    assert pause_seconds(soon, 0, has_fallback=True) is None


def test_a_provider_that_fails_is_not_asked_much_more_often():
    budget, provider, other = RetryBudget(), uuid4(), uuid4()
    made = 0
    for _ in range(1000):
        budget.earn(provider)
        made += budget.take(provider)
    assert made <= 1000 * retries.EARNED_PER_CALL + retries.MOST_SAVED
    assert made >= 1000 * retries.EARNED_PER_CALL
    assert budget.take(other)
