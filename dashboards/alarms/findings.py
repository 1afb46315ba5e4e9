"""What is the matter with one tenant, from what was read: for each thing that is watched, whether an episode begins, gets worse or ends."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from billing.models import Alert, AlertSettings, Severity
from dashboards.alarms import breaking, deciding, drops, sentences, shares, spending
from dashboards.alarms.deciding import Change, Open
from dashboards.alarms.drops import Votes
from dashboards.alarms.evidence import Hours, Traffic
from dashboards.alarms.fleet import Standing
from dashboards.alarms.sentences import Span, Words
from dashboards.alarms.shares import Counted, Limit
from dashboards.figures import Sums
from tenants.console import addresses

Kind = Alert.Kind
FAST = (Kind.LATENCY, Kind.ERRORS, Kind.BREAKER)
SLOW = (Kind.HIT_RATE, Kind.SPEND, Kind.QUALITY)
TENANT, TASK, MODEL = "tenant", "task", "model"
JUDGED = "judge"  # a task, as judges see it
TIMES_WORSE = 2  # a p95 over twice its target is worse
FAR_ERRORS = 5  # times the limit
USUAL_BY_NOW = dt.timedelta(weeks=12)
AROUND = dt.timedelta(hours=1)  # what the dashboard shows besides


@dataclass(frozen=True)
class Thing:
    """What an episode can be of; the same in an `Alert`."""

    kind: str
    source: str = TENANT
    subject: str = ""


@dataclass(frozen=True)
class Finding:
    """`words` say what is the matter, as far as an alert begins or gets worse; `because`, why one ends."""

    thing: Thing
    change: Change
    words: Callable[[], Words]
    because: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)
    view: str = ""


@dataclass(frozen=True)
class Now:
    """What is known beforehand: the tenant's wishes, and which episodes are under way."""

    at: dt.datetime
    zone: ZoneInfo
    settings: AlertSettings
    episodes: Mapping[Thing, Alert]

    def is_open(self, thing: Thing) -> Open:
        alert = self.episodes.get(thing)
        if alert is None:
            return Open.NO
        return Open.WORSE if alert.severity == Severity.CRITICAL else Open.BAD

    def is_watched(self, kind: str) -> bool:
        return kind not in self.settings.off_kinds


def errors(traffic: Traffic, now: Now) -> Iterator[Finding]:
    """Of all requests; those that a budget refused are not counted, for budgets have alerts of their own."""
    steps = [_errors(traffic.sums(at)) for at in range(len(traffic.edges))]
    share = float(now.settings.error_percent) / 100
    limit = Limit(share, min(FAR_ERRORS * share, (1 + share) / 2))
    thing = Thing(Kind.ERRORS)
    verdicts = shares.verdicts(steps, limit, shares.LEAST_REQUESTS, shares.RATES)
    counted, span = _judged(traffic, steps, now.zone)
    yield Finding(
        thing,
        deciding.decide(verdicts, now.is_open(thing), shares.RATES),
        lambda: sentences.errors(share, counted, span),
        data={"share": round(counted.share, 4), "limit": share, **_facts(counted, span)},
        view=_dashboard("errors", span),
    )


def latency(traffic: Traffic, now: Now) -> Iterator[Finding]:
    """Of tasks that have a target of their own each by itself, and of everything else together."""
    targets: Mapping[str, int] = now.settings.task_p95_ms
    others = [task for task in traffic.by_task if task not in targets]
    yield _latency(traffic, now, Thing(Kind.LATENCY), others, now.settings.p95_target_ms)
    for task, target in targets.items():
        tasks = [task] if task in traffic.by_task else []
        yield _latency(traffic, now, Thing(Kind.LATENCY, TASK, task), tasks, target)


def _latency(traffic: Traffic, now: Now, thing: Thing, tasks: Collection[str], target_ms: int) -> Finding:
    sketches = [traffic.latencies(tasks, at) for at in range(len(traffic.edges))]
    steps = [
        Counted(one.count, one.above(target_ms), one.above(TIMES_WORSE * target_ms)) if one.data else Counted()
        for one in sketches
    ]
    limit = Limit(shares.SLOWEST, shares.SLOWEST)
    verdicts = shares.verdicts(steps, limit, shares.LEAST_REQUESTS, shares.RATES)
    counted, span = _judged(traffic, steps, now.zone)
    reach = shares.reach(steps, shares.LEAST_REQUESTS, shares.RATES.begins_after)
    together = type(sketches[0])(b"".join(one.data for one in sketches[-reach:]), sketches[0].unit)
    p95_ms = together.quantile(1 - shares.SLOWEST) or 0.0
    return Finding(
        thing,
        deciding.decide(verdicts, now.is_open(thing), shares.RATES),
        lambda: sentences.slow(thing.subject, p95_ms, target_ms, counted, span),
        data={"p95_ms": round(p95_ms), "target_ms": target_ms, **_facts(counted, span)},
        view=_dashboard("latency", span, task=thing.subject),
    )


def hit_rate(hours: Hours, now: Now) -> Iterator[Finding]:
    steps = [_misses(sums) for sums in hours.sums[-24:]]
    limit = 1 - float(now.settings.hit_percent) / 100
    thing = Thing(Kind.HIT_RATE)
    verdicts = shares.verdicts(steps, Limit(limit), shares.LEAST_LOOKUPS, shares.CACHES)
    reach = shares.reach(steps, shares.LEAST_LOOKUPS, shares.CACHES.begins_after)
    counted = _sum(steps[-reach:])
    span = Span(hours.edges[-reach], hours.end, now.zone)
    yield Finding(
        thing,
        deciding.decide(verdicts, now.is_open(thing), shares.CACHES),
        lambda: sentences.few_hits(1 - limit, counted, span),
        data={"hit_rate": round(1 - counted.share, 4), "limit": round(1 - limit, 4), **_facts(counted, span)},
        view=_dashboard("cache", span),
    )


def spend(hours: Hours, now: Now) -> Iterator[Finding]:
    thing, least = Thing(Kind.SPEND), float(now.settings.spend_least_usd)
    count = len(hours.edges)
    judged = [
        (usual, float(hours.sums[place].cost_usd))
        for place in range(count - spending.HOURS.begins_after, count)
        if (usual := spending.usual(hours.costs_at_this_time(place), least)) is not None
    ]
    change = deciding.decide(
        [spending.verdict(spent, usual) for usual, spent in judged], now.is_open(thing), spending.HOURS
    )
    usual, spent = judged[-1] if judged else (spending.Usual(0.0, least), 0.0)
    span = Span(hours.edges[-1], hours.end, now.zone)
    yield Finding(
        thing,
        change,
        lambda: sentences.spending(spent, usual, span),
        data={
            "spent_usd": f"{spent:.2f}", "usual_usd": f"{usual.amount:.2f}", "limit_usd": f"{usual.limit:.2f}", **_time(span)
        },
        view=_dashboard("cost", span),
    )  # fmt: skip


def quality(votes: Mapping[str, list[Votes]], scores: Mapping[str, list[Votes]], now: Now) -> Iterator[Finding]:
    """Of each task by itself, as people see it and as judges do. An episode is judged by what was usual when it began, which it keeps."""
    things = {Thing(Kind.QUALITY, TASK, task): weeks for task, weeks in votes.items()}
    things |= {Thing(Kind.QUALITY, JUDGED, task): weeks for task, weeks in scores.items()}
    things |= {thing: [] for thing in now.episodes if thing.kind == Kind.QUALITY and thing not in things}
    least = float(now.settings.quality_points) / 100
    for thing, weeks in things.items():
        yield _quality(thing, weeks, least, now)


def _quality(thing: Thing, weeks: list[Votes], least: float, now: Now) -> Finding:
    alert = now.episodes.get(thing)
    usual = Votes(**alert.data["usual"]) if alert is not None else drops.usual(weeks)
    change = deciding.decide(drops.verdicts(weeks, usual, least), now.is_open(thing), drops.WEEKS)
    because = ""
    if alert is not None and now.at - alert.crossed_at >= USUAL_BY_NOW:
        change, because = Change.END, sentences.usual_by_now()
    recent = sum(weeks[-drops.WEEKS.begins_after :], Votes())
    yesterday = now.at.astimezone(now.zone).date() - dt.timedelta(days=1)
    return Finding(
        thing,
        change,
        lambda: sentences.drop(thing.subject, recent, usual, yesterday, is_judged=thing.source == JUDGED),
        because,
        data={"usual": {"of": usual.of, "up": usual.up}, "recent": {"of": recent.of, "up": recent.up}},
        view=_quality_view(thing),
    )


def _quality_view(thing: Thing) -> str:
    """The votes themselves; of judges, what they say beside them."""
    query = {"task": thing.subject} if thing.subject else {}
    if thing.source == JUDGED:
        return _page("console:dashboards_tab", {"range": "90d", **query}, "quality")
    return _page("admin:gateway_feedback_changelist", query)


def breakers(standings: Mapping[str, Standing], now: Now) -> Iterator[Finding]:
    """`standings`: of the models that concern the tenant, and of those whose episodes are under way."""
    for model_id, standing in standings.items():
        thing = Thing(Kind.BREAKER, MODEL, model_id)
        alert = now.episodes.get(thing)
        begun_at = alert.crossed_at if alert is not None else None
        change = breaking.decide(
            is_closed=standing.is_closed,
            changed_at=standing.changed_at,
            is_open=now.is_open(thing),
            begun_at=begun_at,
            now=now.at,
        )
        yield Finding(
            thing,
            change,
            _breaker_words(standing, begun_at or standing.changed_at or now.at, now.zone, change),
            data={"model": standing.model, "provider": standing.provider},
            view=_page("admin:gateway_model_breakers", {}),
        )


def _breaker_words(standing: Standing, at: dt.datetime, zone: ZoneInfo, change: Change) -> Callable[[], Words]:
    return lambda: sentences.breaker(standing, at, zone, is_long=change is Change.GET_WORSE)


def _errors(sums: list[Sums]) -> Counted:
    of = sum(item.requests - item.errors_budget for item in sums)
    bad = sum(item.errors - item.errors_budget for item in sums)
    return Counted(of, bad, bad)


def _misses(sums: Sums) -> Counted:
    bad = sums.cache_stale + sums.cache_misses
    return Counted(sums.cache_hits + sums.cache_semantic + bad, bad)


def _sum(steps: Collection[Counted]) -> Counted:
    return Counted(sum(step.of for step in steps), sum(step.bad for step in steps), sum(step.far for step in steps))


def _judged(traffic: Traffic, steps: list[Counted], zone: ZoneInfo) -> tuple[Counted, Span]:
    """What an episode goes by as it begins, and when it was."""
    reach = shares.reach(steps, shares.LEAST_REQUESTS, shares.RATES.begins_after)
    return _sum(steps[-reach:]), Span(traffic.edges[-reach], traffic.end, zone)


def _facts(counted: Counted, span: Span) -> dict[str, Any]:
    return {"bad": counted.bad, "of": counted.of, **_time(span)}


def _time(span: Span) -> dict[str, str]:
    return {"from": span.start.isoformat(), "until": span.end.isoformat()}


def _dashboard(tab: str, span: Span, **filters: str) -> str:
    """The tab with an hour on each side, within a console."""
    around = {"from": span.start - AROUND, "to": span.end + AROUND}
    query = {name: f"{at.astimezone(dt.UTC):%Y-%m-%dT%H:%MZ}" for name, at in around.items()}
    return _page("console:dashboards_tab", {**query, **{name: value for name, value in filters.items() if value}}, tab)


def _page(name: str, query: Mapping[str, str], *args: str) -> str:
    """An address within a console, without what leads into one: a tenant's slug may change."""
    root = addresses.console("-")
    path = addresses.console("-", name, *args).removeprefix(root)
    return f"{path}?{urlencode(query)}" if query else path
