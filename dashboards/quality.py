"""How good answers are, as people and judges say: shares with intervals, over time and side by side, and what became worse for weeks.

Asked of votes and judgements themselves (`gateway.judging.counting`), not of rollups. An interval is Wilson's at 95 %, a corrected figure's
is its own (`gateway.quality.agreement`).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

from django.utils.translation import gettext as _

from billing import windows
from dashboards import ranges
from dashboards.planning import Unanswerable
from dashboards.ranges import Range, Step
from dashboards.reading import View
from gateway.caching import evidence
from gateway.judging import counting
from gateway.judging.counting import COLUMNS, PROMPT_PREFIX
from gateway.quality import agreement
from gateway.quality.agreement import Estimate
from gateway.quality.figures import Counts

# Votes and scores are few, and finer steps would show chance.
MOST_STEPS, LEAST_STEPS, EACH_STEP = 32, 6, 15
WEEKS = 13
PROMPT = "prompt"  # the dimension of prompt versions: tags that begin with `PROMPT_PREFIX`


@dataclass(frozen=True)
class Standing:
    """What is known of some answers. A share of nothing is None. `corrected`: the judge's share, as people would say."""

    counts: Counts
    thumbs: Estimate | None
    judged: Estimate | None
    corrected: Estimate | None


def standing(counts: Counts) -> Standing:
    return Standing(
        counts,
        share(counts.up, counts.votes),
        share(counts.good, counts.judged),
        agreement.corrected(counts.both, good=counts.good, judged=counts.judged),
    )


def share(part: int, of: int) -> Estimate | None:
    return Estimate(part / of, *evidence.wilson(part, of)) if of else None


def whole(view: View) -> Standing:
    """Raises `planning.Unanswerable`, as all of these do."""
    return standing(counting.counts(_asked(view)).get((), Counts()))


def by(view: View, dimension: str) -> dict[str, Standing]:
    """By task, model, provider, tag or prompt version; those of which most is known first."""
    found = counting.counts(_asked(view), (dimension,))
    order = sorted(found.items(), key=lambda item: (-(item[1].votes + item[1].judged), item[0]))
    return {key[0]: standing(counts) for key, counts in order}


def over_time(view: View) -> tuple[tuple[dt.datetime, ...], list[Standing]]:
    """By the range's steps, several together where there is little in each."""
    asked, edges = _asked(view), view.range.edges
    steps = counting.steps(asked, edges).get((), [Counts()] * len(edges))
    each = together(len(edges), max(sum(one.votes for one in steps), sum(one.judged for one in steps)))
    places = range(0, len(edges), each)
    return tuple(edges[place] for place in places), [
        standing(sum(steps[place : place + each], Counts())) for place in places
    ]


def together(steps: int, answers: int) -> int:
    """How many steps make one that has enough of so many answers."""
    return -(-steps // min(MOST_STEPS, max(LEAST_STEPS, answers // EACH_STEP)))


def week_by_week(view: View, dimension: str) -> tuple[Range, dict[str, list[Standing]]]:
    """The last weeks, whatever the range is: this one, as far as it has come, is the last. Those first of which most is known."""
    span = last_weeks(view.range)
    found = counting.steps(_asked(View(view.scope, span, view.filters)), span.edges, (dimension,))
    order = sorted(found.items(), key=lambda item: -sum(counts.votes + counts.judged for counts in item[1]))
    return span, {key[0]: [standing(counts) for counts in steps] for key, steps in order}


def last_weeks(span: Range) -> Range:
    now = span.now.astimezone(span.zone)
    monday = now.date() - dt.timedelta(days=now.weekday())
    first = monday - dt.timedelta(weeks=WEEKS - 1)
    start, end = (
        dt.datetime.fromtimestamp(windows.midnight(day, span.zone), dt.UTC)
        for day in (first, monday + dt.timedelta(weeks=1))
    )
    return ranges.custom(start, end, span.now, span.zone, Step("week"))


def filters_of(dimension: str, value: str) -> Mapping[str, str]:
    """What leads to the requests of one value of a dimension. `PROMPT` is asked for as the tag that it is."""
    return {"tag" if dimension == PROMPT else dimension: value}


def prompt_name(tag: str) -> str:
    return tag.removeprefix(PROMPT_PREFIX)


def _asked(view: View) -> counting.Asked:
    values = view.filters.values
    others = [name for name in values if name not in COLUMNS]
    if others:
        raise Unanswerable(
            _(
                "Votes and scores are kept by task, model, provider and tag. Remove the other filters, or look at the requests with them."
            )
        )
    return counting.Asked(view.scope.tenant_ids, view.range.start, view.range.end, values)
