"""Forecasts: steady at a window's start, right at its end, silent where nothing is known."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing import pace
from billing.pace import Forecast, forecast
from billing.windows import Window

DAY = Window("day", 0, 86_400)
ALL = Window("total", 0, None)


def test_without_earlier_windows_nothing_is_said_before_a_tenth_has_passed():
    assert forecast(5, 100, DAY, 8_639, []) is None
    assert forecast(5, 100, DAY, 8_640, []) == Forecast(50.0, None)


def test_at_the_start_earlier_windows_decide():
    early = forecast(1, 100, DAY, 60, [40, 60])  # a burst in the first minute alone would make 1440
    assert early is not None
    assert early.at_end == pytest.approx(1 + (1 + 0.25 * 50) / (60 / 86_400 + 0.25) * (1 - 60 / 86_400))
    assert 50 < early.at_end < 56


def test_at_the_end_what_was_used_decides():
    late = forecast(90, 100, DAY, 86_400 * 0.99, [10_000])
    assert late is not None
    assert late.at_end == pytest.approx(90 + (90 + 2500) / 1.24 * 0.01)
    assert forecast(90, 100, DAY, 86_400, [10_000]) == Forecast(90.0, None)


def test_it_says_when_it_is_used_up():
    found = forecast(50, 75, DAY, 43_200, [100])
    assert found is not None
    assert found.at_end == 100.0  # 100 a window so far and before
    assert found.used_up_at == 43_200 + 0.25 * 86_400


@pytest.mark.parametrize(("used", "amount"), [(100, 100), (120, 100), (0, 0)])
def test_what_is_used_up_is_not_used_up_again(used: int, amount: int):
    found = forecast(used, amount, DAY, 43_200, [])
    assert found is not None
    assert found.used_up_at is None


def test_what_never_resets_goes_on_at_the_pace_of_the_last_days():
    assert forecast(50, 100, ALL, 1000.0, []) is None
    assert forecast(50, 100, ALL, 1000.0, [5, 5]) == Forecast(None, 1000.0 + 10 * 86_400)
    assert forecast(50, 100, ALL, 1000.0, [0.01]) == Forecast(None, None)  # in more than a year
    assert forecast(50, 100, ALL, 1000.0, [0, 0]) == Forecast(None, None)


def test_of_a_minute_nothing_is_foretold():
    assert forecast(50, 100, Window("minute", 0, 60), 30, []) is None


@given(
    used=st.integers(0, 10**12),
    amount=st.integers(0, 10**12),
    share=st.floats(0, 1),
    earlier=st.lists(st.integers(0, 10**12), max_size=7),
)
def test_it_never_falls_below_what_is_used_and_ends_within_the_window(
    used: int, amount: int, share: float, earlier: list[int]
):
    now = share * 86_400
    found = forecast(used, amount, DAY, now, earlier)
    if found is None:
        assert not earlier
        assert share < pace.LEAST_ELAPSED
        return
    assert found.at_end is not None
    assert found.at_end >= used
    if found.used_up_at is not None:
        assert now <= found.used_up_at < 86_400
        assert used < amount
