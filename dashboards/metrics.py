"""The metrics of the dashboards by name: what each is made of, in which unit it is, whether more of it is good. Charts, tables and
rankings are made of any of them.

Percentiles are within 1 % (see `dashboards.sketches`); everything else is exact.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from dashboards import errors, figures, people, reading
from dashboards.figures import Row, Sums
from dashboards.people import People
from dashboards.planning import Source
from dashboards.reading import Top, View

TOP = 8
Value = int | float | Decimal | None


class Unit(enum.Enum):
    COUNT = "count"
    TOKENS = "tokens"
    SHARE = "share"  # 0 to 1
    MS = "ms"
    TOKENS_PER_SECOND = "tokens/s"
    USD = "usd"
    SCORE = "score"  # 1 to 5


@dataclass(frozen=True)
class Metric:
    """`of`: its value of a row, None where it has none (a share of nothing). `is_good`: more is better; None: neither is."""

    name: str
    unit: Unit
    of: Callable[[Row], Value]
    measures: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    is_good: bool | None = None


def _sum(name: str, unit: Unit = Unit.COUNT, is_good: bool | None = None) -> Metric:
    def of(row: Row) -> Value:
        found: int | Decimal = getattr(row.sums, name)
        return found

    return Metric(name, unit, of, (name,), is_good=is_good)


def _share(name: str, part: Sequence[str], of_all: Sequence[str], is_good: bool | None) -> Metric:
    def of(row: Row) -> Value:
        whole = sum(getattr(row.sums, item) for item in of_all)
        return sum(getattr(row.sums, item) for item in part) / whole if whole else None

    return Metric(name, Unit.SHARE, of, tuple(dict.fromkeys([*part, *of_all])), is_good=is_good)


def _quantiles(kind: str, unit: Unit, percents: Iterable[int], is_good: bool) -> list[Metric]:
    def at(percent: int) -> Metric:
        return Metric(
            f"{kind}_p{percent}", unit, lambda row: row.quantile(kind, percent / 100), kinds=(kind,), is_good=is_good
        )

    return [at(percent) for percent in percents]


def _per(name: str, unit: Unit, amount: str, count: str, scale: int = 1) -> Metric:
    def of(row: Row) -> Value:
        divisor = getattr(row.sums, count) * scale
        return getattr(row.sums, amount) / divisor if divisor else None

    return Metric(name, unit, of, (amount, count), is_good=False)


_LOOKED_UP = ("cache_hits", "cache_semantic", "cache_stale", "cache_misses")
_SAVED = ("saved_exact_usd", "saved_semantic_usd", "saved_prefix_usd", "saved_cascade_usd")

METRICS: Mapping[str, Metric] = {
    metric.name: metric
    for metric in (
        *(_sum(name) for name in ("requests", "answered", "client_left", "calls", "estimated", "unpriced", "timed")),
        _sum("errors", is_good=False),
        *(_sum(f"errors_{kind}", is_good=False) for kind in errors.ALL),
        *(_sum(name, is_good=False) for name in ("failed_calls", "retries", "fallbacks", "escalations", "slow")),
        _share("error_rate", ("errors",), ("requests",), False),
        _share("failed_call_rate", ("failed_calls",), ("calls",), False),
        _share("slow_share", ("slow",), ("timed",), False),
        *_quantiles("latency", Unit.MS, (50, 95, 99), False),
        *_quantiles("ttft", Unit.MS, (50, 95, 99), False),
        *_quantiles("own", Unit.MS, (50, 95, 99), False),
        *_quantiles("speed", Unit.TOKENS_PER_SECOND, (5, 50, 95), True),
        *_quantiles("cost", Unit.USD, (50, 95, 99), False),
        _per("latency_mean", Unit.MS, "latency_us", "timed", 1000),
        _sum("cost_usd", Unit.USD, is_good=False),
        _per("cost_per_request", Unit.USD, "cost_usd", "requests"),
        *(
            _sum(f"{name}_tokens", Unit.TOKENS)
            for name in ("input", "cache_read", "cache_write", "output", "reasoning")
        ),
        *(
            _sum(name)
            for name in (
                "cache_hits",
                "cache_semantic",
                "cache_stale",
                "cache_misses",
                "cache_bypassed",
                "cache_repeats",
            )
        ),
        _share("hit_rate", ("cache_hits", "cache_semantic"), _LOOKED_UP, True),
        _share("exact_hit_rate", ("cache_hits",), _LOOKED_UP, True),
        _share("semantic_hit_rate", ("cache_semantic",), ("cache_semantic", "cache_stale", "cache_misses"), True),
        _share("prefix_hit_rate", ("cache_read_tokens",), ("input_tokens",), True),
        *(_sum(name, Unit.USD, is_good=True) for name in _SAVED),
        Metric("saved_usd", Unit.USD, lambda row: row.sums.saved_usd, _SAVED, is_good=True),
        Metric(
            "context_tokens_saved",
            Unit.TOKENS,
            lambda row: row.sums.context_tokens_before - row.sums.context_tokens_after,
            ("context_tokens_before", "context_tokens_after"),
            is_good=True,
        ),
    )
}


@dataclass(frozen=True)
class Line:
    """One group's values: of the whole range, and of each step (None where there is nothing). `name` None: all groups that have no line of
    their own."""

    name: str | None
    whole: Mapping[str, Value]
    steps: Mapping[str, tuple[Value, ...]]


@dataclass(frozen=True)
class Chart:
    """Lines by group, those with most first and the others as one last; without a dimension there is one. `edges` of the range are the
    steps'.
    """

    lines: tuple[Line, ...]
    source: Source


def totals(view: View, names: Sequence[str]) -> tuple[Mapping[str, Value], Source]:
    """Metrics of the whole range."""
    wanted = _wanted(names)
    answer = reading.ask(view, measures=wanted.measures, kinds=wanted.kinds)
    return _values(answer.rows[0] if answer.rows else _NOTHING, names), answer.source


def table(
    view: View,
    dimension: str,
    names: Sequence[str],
    *,
    order: str = "requests",
    limit: int = 100,
    then: tuple[str, ...] = (),
    known: People | None = None,
) -> Chart:
    """Metrics by the values of a dimension (and of those in `then`, joined by a tab), the groups first that have most of the measure
    `order`. `known`: the view's end users, if somebody has read them.
    """
    wanted = _wanted([*names, order])
    by = (dimension, *then)
    if dimension == people.DIMENSION and (names_of_most := people.leading(view, order, limit, known)) is not None:
        view = _narrowed(view, names_of_most)
    answer = reading.ask(view, measures=wanted.measures, kinds=wanted.kinds, by=by, order=order, limit=limit)
    lines = tuple(Line("\t".join(value or "" for value in row.group), _values(row, names), {}) for row in answer.rows)
    return Chart(lines, answer.source)


def chart(
    view: View,
    names: Sequence[str],
    by: str = "",
    *,
    order: str = "requests",
    top: int = TOP,
    known: People | None = None,
) -> Chart:
    """Metrics by steps of the range, and by a dimension if one is named: the `top` values that have most of the measure `order`, the
    others as one. Values of the whole range are from the same rows, so they belong together. `known` as with `table`.
    """
    wanted = _wanted(names)
    values: tuple[str, ...] = ()
    if by == people.DIMENSION and not wanted.kinds and (found := people.leading(view, order, top, known)) is not None:
        return _of_people(view, names, wanted, found)
    if by:
        most = reading.ask(view, measures=(order,), by=(by,), order=order, limit=top)
        values = tuple(row.group[0] or "" for row in most.rows)
    answer = reading.ask(
        view,
        measures=wanted.measures,
        kinds=wanted.kinds,
        by=(by,) if by else (),
        by_steps=True,
        top=Top(values) if by else None,
    )
    groups: dict[str | None, dict[int, Row]] = {value: {} for value in values} if by else {"": {}}
    for row in answer.rows:
        groups.setdefault(row.group[0] if by else "", {})[row.step] = row
    count = len(view.range.edges)
    return Chart(tuple(_line(name, rows, names, count) for name, rows in groups.items()), answer.source)


def _of_people(view: View, names: Sequence[str], wanted: _Wanted, most: tuple[str, ...]) -> Chart:
    """By end user: those that have most are looked up, and the others are what is left of all."""
    answer = reading.ask(view, measures=wanted.measures, by_steps=True)
    few = reading.ask(_narrowed(view, most), measures=wanted.measures, by=(people.DIMENSION,), by_steps=True)
    groups: dict[str | None, dict[int, Row]] = {value: {} for value in most}
    by_step: dict[int, list[Row]] = {}
    for row in few.rows:
        groups[row.group[0]][row.step] = row
        by_step.setdefault(row.step, []).append(row)
    rest = {row.step: figures.without(row, by_step.get(row.step, [])) for row in answer.rows}
    if any(row.sums != Sums() for row in rest.values()):
        groups[None] = rest
    count = len(view.range.edges)
    return Chart(tuple(_line(name, rows, names, count) for name, rows in groups.items()), answer.source)


def _narrowed(view: View, end_users: tuple[str, ...]) -> View:
    return replace(view, filters=replace(view.filters, end_user=end_users))


@dataclass(frozen=True)
class _Wanted:
    measures: tuple[str, ...]
    kinds: tuple[str, ...]


_NOTHING = Row(0, (), Sums())


def _wanted(names: Sequence[str]) -> _Wanted:
    """What the metrics are made of, each once. Raises `KeyError` for a name that is none."""
    found = [METRICS[name] for name in names]
    return _Wanted(
        tuple(dict.fromkeys(item for metric in found for item in metric.measures)),
        tuple(dict.fromkeys(item for metric in found for item in metric.kinds)),
    )


def _values(row: Row, names: Sequence[str]) -> dict[str, Value]:
    return {name: METRICS[name].of(row) for name in names}


def _line(name: str | None, rows: dict[int, Row], names: Sequence[str], count: int) -> Line:
    by_step = [_values(rows[step], names) if step in rows else None for step in range(1, count + 1)]
    empty = _values(_NOTHING, names)  # a count of nothing is 0, a share of nothing is none
    return Line(
        name=name,
        whole=_values(figures.merged(rows.values()), names),
        steps={item: tuple((found or empty)[item] for found in by_step) for item in names},
    )
