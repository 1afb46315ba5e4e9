"""How good answers are, as people and judges say: shares with intervals, over time and side by side, and what became worse for weeks.

Counted by `gateway.judging.counting`: whole days from sums, anything else from the votes and judgements themselves. An interval is Wilson's
at 95 %, a corrected figure's is its own (`gateway.quality.agreement`).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.utils.translation import gettext as _

from billing import windows
from dashboards import ranges
from dashboards.planning import Unanswerable
from dashboards.ranges import Range, Step
from dashboards.reading import View
from gateway.caching import evidence
from gateway.judging import counting, ratings
from gateway.judging.counting import FILTERS, PROMPT_PREFIX, Labels
from gateway.quality import agreement
from gateway.quality.agreement import Confusion, Estimate
from gateway.quality.figures import Counts, Scores

# Votes and scores are few, and finer steps would show chance.
MOST_STEPS, LEAST_STEPS, EACH_STEP = 32, 6, 15
WEEKS = 13
PROMPT = "prompt"  # the dimension of prompt versions: tags that begin with `PROMPT_PREFIX`


_WIDTH = len(Counts._fields) - 1 + len(Confusion._fields)


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


@dataclass(frozen=True)
class Known:
    """All that is known of a view's answers, to be added up in any way. `edges`: when its steps begin."""

    edges: tuple[dt.datetime, ...]
    cells: Mapping[Labels, Mapping[int, Counts]]

    def whole(self) -> Standing:
        return standing(sum(self._steps(), Counts()))

    def over_time(self) -> tuple[tuple[dt.datetime, ...], list[Standing]]:
        """By steps, several together where there is little in each."""
        steps = self._steps()
        each = together(len(steps), max(sum(one.votes for one in steps), sum(one.judged for one in steps)))
        places = range(0, len(steps), each)
        return tuple(self.edges[place] for place in places), [
            standing(sum(steps[place : place + each], Counts())) for place in places
        ]

    def by(self, dimension: str) -> dict[str, Standing]:
        """By task, model, provider, tag or prompt version; those of which most is known first."""
        return {name: standing(sum(steps, Counts())) for name, steps in self._grouped(dimension)}

    def by_steps(self, dimension: str) -> dict[str, list[Standing]]:
        return {name: [standing(counts) for counts in steps] for name, steps in self._grouped(dimension)}

    def _steps(self) -> list[Counts]:
        return self._added(self.cells.values())

    def _grouped(self, dimension: str) -> list[tuple[str, list[Counts]]]:
        found: dict[str, list[Mapping[int, Counts]]] = {}
        for labels, steps in self.cells.items():
            for value in labels.values(dimension):
                found.setdefault(value, []).append(steps)
        added = ((value, self._added(cells)) for value, cells in found.items())
        return sorted(added, key=lambda item: (-sum(one.votes + one.judged for one in item[1]), item[0]))

    def _added(self, cells: Iterable[Mapping[int, Counts]]) -> list[Counts]:
        """By step. As plain numbers: there may be some ten thousand of them."""
        total = [[0] * _WIDTH for _edge in self.edges]
        for steps in cells:
            for step, counts in steps.items():
                total[step] = [
                    one + other for one, other in zip(total[step], (*counts[:-1], *counts.both), strict=True)
                ]
        return [_counts(*numbers) for numbers in total]


def _counts(up: int, down: int, good: int, judged: int, invalid: int, *both: int) -> Counts:
    return Counts(up, down, good, judged, invalid, Confusion(*both))


def known(view: View) -> Known:
    """Raises `planning.Unanswerable`."""
    return Known(view.range.edges, counting.cells(_asked(view), view.range.edges))


def last_weeks(view: View) -> tuple[Range, Known]:
    """The last weeks, whatever the view's range is; this one, as far as it has come, is the last. Without answers that have both."""
    span = weeks(view.range)
    asked = _asked(View(view.scope, span, view.filters))
    return span, Known(span.edges, counting.cells(asked, span.edges, parts=(ratings.VOTES, ratings.SCORES)))


def by_length(view: View) -> dict[int, Scores]:
    """Scores by how long the answers were (bands of `gateway.judging.ratings`)."""
    return counting.by_length(_asked(view))


def together(steps: int, answers: int) -> int:
    """How many steps make one that has enough of so many answers."""
    return -(-steps // min(MOST_STEPS, max(LEAST_STEPS, answers // EACH_STEP)))


def weeks(span: Range) -> Range:
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
    others = [name for name in values if name not in FILTERS]
    if others:
        raise Unanswerable(
            _(
                "Votes and scores are kept by task, model, provider and tag. Remove the other filters, or look at the requests with them."
            )
        )
    return counting.Asked(view.scope.tenant_ids, view.range.start, view.range.end, values, zone=view.range.zone)
