"""A year played through: steady series raise no alert, made faults are found in the time that is promised. Seeds are fixed."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from dashboards import sketches
from dashboards.alarms import deciding, drops, shares, spending
from dashboards.alarms.deciding import Change, Open, Patience, Verdict
from dashboards.alarms.drops import Votes
from dashboards.alarms.shares import Counted, Limit

WEEKS = 52
FIVE_MINUTES = WEEKS * 7 * 24 * 12
HOURS = WEEKS * 7 * 24
STEPS_LOOKED_BACK = 36  # as `evidence` does: three hours
TARGET_MS = 5000.0


def begun(series: Sequence[Sequence[Verdict]], patience: Patience) -> list[int]:
    """At which of the looks an episode began; `series`: the verdicts that each look saw."""
    found, is_open = [], Open.NO
    for at, seen in enumerate(series):
        change = deciding.decide(seen, is_open, patience)
        if change in (Change.BEGIN, Change.BEGIN_WORSE):
            found.append(at)
            is_open = Open.WORSE if change is Change.BEGIN_WORSE else Open.BAD
        elif change in (Change.END, Change.END_UNMEASURED):
            is_open = Open.NO
    return found


def looks(windows: Sequence[Counted], limit: Limit, patience: Patience, least: int) -> list[list[Verdict]]:
    """What each look sees where every step has enough requests for a window of its own."""
    assert min(window.of for window in windows) >= least
    judged = [shares.verdict(window, limit) for window in windows]
    many = max(patience.begins_after, patience.ends_after)
    return [judged[max(0, at - many) : at] for at in range(1, len(judged) + 1)]


def thin_looks(steps: Sequence[Counted], limit: Limit) -> list[list[Verdict]]:
    """The same where steps are put together to windows, as each look does anew."""
    return [
        shares.verdicts(steps[max(0, at - STEPS_LOOKED_BACK) : at], limit, shares.LEAST_REQUESTS, shares.RATES)
        for at in range(1, len(steps) + 1)
    ]


def errors_at(rates: np.ndarray, requests: int, seed: int) -> list[Counted]:
    bad = np.random.default_rng(seed).binomial(requests, rates)
    return [Counted(requests, int(count), int(count)) for count in bad]


ERRORS = Limit(0.05, 0.25)


def test_a_steady_rate_of_errors_raises_none_even_close_to_its_limit():
    steady = errors_at(np.full(FIVE_MINUTES, 0.045), 120, 1)
    assert begun(looks(steady, ERRORS, shares.RATES, shares.LEAST_REQUESTS), shares.RATES) == []


def test_a_steady_rate_of_errors_raises_none_where_traffic_is_thin():
    steady = errors_at(np.full(FIVE_MINUTES, 0.03), 10, 3)
    assert begun(thin_looks(steady, ERRORS), shares.RATES) == []


def test_a_rate_of_errors_over_its_limit_is_found_in_a_quarter_of_an_hour():
    for seed in range(8):
        rates = np.full(2000, 0.01)
        rates[1000:] = 0.2
        found = begun(looks(errors_at(rates, 120, seed), ERRORS, shares.RATES, shares.LEAST_REQUESTS), shares.RATES)
        assert found == [1002]  # with the third window, and once


def test_where_traffic_is_thin_a_failure_of_all_takes_longer_and_is_found():
    rates = np.full(400, 0.01)
    rates[200:] = 0.9
    (found,) = begun(thin_looks(errors_at(rates, 7, 1), ERRORS), shares.RATES)
    assert 200 < found <= 200 + 24  # three windows of eight steps each: two hours


def latencies(p95_ms: np.ndarray, each: int, seed: int) -> list[Counted]:
    """Answer times of a lognormal distribution with these 95th percentiles, by the sketches' buckets."""
    sigma = 0.8
    drawn = np.random.default_rng(seed).standard_normal((len(p95_ms), each), dtype=np.float32)
    times = np.log(p95_ms * 1000)[:, None] + sigma * (drawn - 1.6449)
    slots = 1 + np.ceil(times / math.log(sketches.GAMMA))
    slow, far = ((slots > sketches.bucket(TARGET_MS * 1000 * times_over)).sum(axis=1) for times_over in (1, 2))
    return [Counted(each, int(bad), int(worse)) for bad, worse in zip(slow, far, strict=True)]


P95 = Limit(shares.SLOWEST, shares.SLOWEST)


def test_a_steady_p95_raises_none_even_close_to_its_target():
    steady = latencies(np.full(FIVE_MINUTES, 0.95 * TARGET_MS), 50, 1)
    assert begun(looks(steady, P95, shares.RATES, shares.LEAST_REQUESTS), shares.RATES) == []


def test_a_p95_over_its_target_is_found_in_minutes():
    for seed in range(8):
        p95 = np.full(2000, 0.6 * TARGET_MS)
        p95[1000:] = 3 * TARGET_MS
        found = begun(looks(latencies(p95, 120, seed), P95, shares.RATES, shares.LEAST_REQUESTS), shares.RATES)
        assert len(found) == 1
        assert 1002 <= found[0] <= 1006


MISSES = Limit(0.9)


def test_a_steady_hit_rate_raises_none_and_one_that_falls_is_found_in_six_hours():
    rng = np.random.default_rng(5)
    steady = [Counted(400, int(count)) for count in rng.binomial(400, 0.88, HOURS)]
    assert begun(looks(steady, MISSES, shares.CACHES, shares.LEAST_LOOKUPS), shares.CACHES) == []
    fallen = steady[:1000] + [Counted(400, int(count)) for count in rng.binomial(400, 0.98, 200)]
    assert begun(looks(fallen, MISSES, shares.CACHES, shares.LEAST_LOOKUPS), shares.CACHES) == [1005]


def costs(hours: int, seed: int, growth_a_week: float = 1.01) -> np.ndarray:
    """Day and night, weekdays and weekends, slow growth, and an hour may well cost half as much again as usual."""
    at = np.arange(hours)
    day = 6 + 5 * np.sin((at % 24 - 8) / 24 * 2 * math.pi)
    weekday = np.where(at // 24 % 7 < 5, 1.0, 0.3)
    noise = np.exp(np.random.default_rng(seed).normal(0, 0.35, hours))
    usual: np.ndarray = 5 * day * weekday * growth_a_week ** (at / 168) * noise
    return usual


def spending_looks(spent: np.ndarray) -> list[list[Verdict]]:
    judged: list[Verdict] = []
    seen = []
    for at in range(len(spent)):
        places = [at - 168 * week + by for week in range(1, spending.WEEKS + 1) for by in spending.NEIGHBOURS]
        usual = spending.usual([float(spent[place]) for place in places if place >= 0], 1.0)
        if usual is not None:
            judged.append(spending.verdict(float(spent[at]), usual))
        seen.append(judged[-2:])
    return seen


def test_steady_spending_raises_none_though_it_has_days_nights_weekends_and_grows():
    for seed in range(3):
        assert begun(spending_looks(costs(HOURS, seed)), spending.HOURS) == []


def test_spending_that_runs_away_is_found_after_two_hours():
    for seed in range(5):
        spent = costs(2000, seed)
        spent[1500:1506] *= 8
        assert begun(spending_looks(spent), spending.HOURS) == [1501]


def test_spending_that_grows_by_half_each_week_is_no_anomaly_and_by_more_than_double_is_one():
    weeks = spending.WEEKS
    for growth, is_found in ((1.5, False), (2.0, False), (2.5, True)):
        known = [10 * growth**-week for week in range(1, weeks + 1) for _hour in spending.NEIGHBOURS]
        usual = spending.usual(known, 1.0)
        assert usual is not None
        assert (spending.verdict(10.0, usual) >= Verdict.BAD) is is_found


def votes(shares_by_day: np.ndarray, a_day: int, rng: np.random.Generator) -> list[Votes]:
    of = rng.poisson(a_day, len(shares_by_day))
    up = rng.binomial(of, shares_by_day)
    return [Votes(int(many), int(good)) for many, good in zip(of, up, strict=True)]


def quality_looks(days: Sequence[Votes], least_drop: float = 0.05) -> list[list[Verdict]]:
    """A look each day, at the weeks that end with it."""
    of, up = (np.concatenate([[0], np.cumsum([getattr(day, name) for day in days])]) for name in ("of", "up"))
    week = [Votes(int(of[at] - of[max(0, at - 7)]), int(up[at] - up[max(0, at - 7)])) for at in range(len(of))]
    seen = []
    for at in range(1, len(of)):
        weeks = [week[place] for place in range(at, max(0, at - 70), -7)][::-1]
        seen.append(drops.verdicts(weeks, drops.usual(weeks), least_drop))
    return seen


def test_steady_quality_raises_none_in_52_weeks():
    rng = np.random.default_rng(0)
    for share in (0.95, 0.85, 0.7):
        assert begun(quality_looks(votes(np.full(WEEKS * 7, share), 15, rng)), drops.WEEKS) == []


def test_of_two_hundred_steady_years_at_most_two_raise_one():
    rng = np.random.default_rng(1)  # 0.2 % of such years do: see `drops`
    found = [begun(quality_looks(votes(np.full(WEEKS * 7, 0.85), 15, rng)), drops.WEEKS) for _year in range(200)]
    assert sum(len(year) for year in found) <= 2


def test_a_drop_of_quality_is_found_within_three_weeks_and_told_once():
    rng = np.random.default_rng(2)
    for _series in range(10):
        share = np.full(26 * 7, 0.85)
        share[16 * 7 :] = 0.6
        found = begun(quality_looks(votes(share, 15, rng)), drops.WEEKS)
        assert 16 * 7 < found[0] <= 16 * 7 + 21
