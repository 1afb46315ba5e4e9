"""Where the time of requests goes, by step of the pipeline."""

from __future__ import annotations

from dataclasses import dataclass

from dashboards import reading
from dashboards.figures import STEP_COLUMNS
from dashboards.measures import UPSTREAM_STEPS
from dashboards.planning import Source
from dashboards.reading import View

OTHER = "other"  # calls that failed before, and what no step claims


@dataclass(frozen=True)
class StepTime:
    """`mean_ms` over all requests that were let in and ended, so that the steps add up to the mean latency. `is_upstream`: spent waiting
    for a provider.
    """

    step: str
    mean_ms: float
    is_upstream: bool


@dataclass(frozen=True)
class Breakdown:
    steps: tuple[StepTime, ...]
    mean_ms: float | None
    requests: int
    source: Source


def breakdown(view: View) -> Breakdown:
    """In the order of the pipeline; steps that took no time are left out."""
    answer = reading.ask(view, measures=("timed", "latency_us", *STEP_COLUMNS))
    if not answer.rows or not answer.rows[0].sums.timed:
        return Breakdown((), None, 0, answer.source)
    sums = answer.rows[0].sums
    scale = sums.timed * 1000
    found = [
        StepTime(step, sums.steps_us[step] / scale, step in UPSTREAM_STEPS)
        for step in STEP_COLUMNS.values()
        if sums.steps_us.get(step)
    ]
    rest = sums.latency_us - sum(sums.steps_us.values())
    if rest > 0:
        found.append(StepTime(OTHER, rest / scale, False))
    return Breakdown(tuple(found), sums.latency_us / scale, sums.timed, answer.source)
