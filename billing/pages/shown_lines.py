"""A limit as its line on the pages: the sentence, the bar with its ticks, what it is heading for, and who is told.

Only words and lengths: nothing is asked of the database.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from billing import figures, in_force, limits, sentences
from billing.in_force import Line, Use
from billing.models import AlertChannel

WIDTH = 1000  # of a bar
GROUPS = (
    (gettext_lazy("Whole tenant"), (limits.TENANT,)),
    (gettext_lazy("API keys"), (limits.KEY,)),
    (gettext_lazy("End users and tiers"), (limits.END_USER, limits.TIER)),
    (gettext_lazy("Tasks"), (limits.TASK,)),
    (gettext_lazy("Models"), (limits.MODEL,)),
    (gettext_lazy("Tags"), (limits.TAG,)),
)
ORIGINS = {
    in_force.PLAN: gettext_lazy("from the plan"),
    in_force.TIER: gettext_lazy("from the plan"),
    in_force.KEY: gettext_lazy("from the key"),
}
PER = {
    "minute": gettext_lazy("each minute"),
    "hour": gettext_lazy("each hour"),
    "day": gettext_lazy("each day"),
    "week": gettext_lazy("each week"),
    "month": gettext_lazy("each month"),
    "total": gettext_lazy("in total"),
}


@dataclass(frozen=True)
class Tick:
    """A mark on the bar. `kind` is alert, cheaper, cached or own (the amount without a raise)."""

    at: int
    kind: str
    label: str


@dataclass(frozen=True)
class Bar:
    """One subject's. Lengths are of `WIDTH`. `level` is "", "near" (a threshold is passed) or "full"."""

    name: str
    used: str
    held: str
    left: str
    percent: str
    used_width: int
    held_width: int
    level: str
    label: str


@dataclass(frozen=True)
class Moment:
    """A point in time: in words, exactly, and for machines."""

    words: str
    exact: str
    iso: str


@dataclass(frozen=True)
class Shown:
    """`bars` has the one subject's bar, or those who used most; empty: nobody has used anything, or, if `is_unknown`, it took too long."""

    id: str
    title: str
    says: str
    before: str
    origin: str
    link: str
    link_text: str
    is_budget: bool
    pk: str
    is_active: bool
    is_each: bool
    is_live: bool
    is_unknown: bool
    of: str
    bars: tuple[Bar, ...]
    ticks: tuple[Tick, ...]
    ticks_said: str
    heading: str
    is_heading_over: bool
    per: str
    resets: Moment | None
    raised: str
    raised_until: Moment | None
    raise_pk: str
    told: str
    is_told_nobody: bool
    level: str


def shown(line: Line, channels: Sequence[AlertChannel], now: dt.datetime) -> Shown:
    """`channels` are those that can be told something at all."""
    ticks = tuple(_ticks(line))
    bars = tuple(bar(line, use) for use in line.uses or ())
    told, is_nobody = _told(line, channels)
    heading, is_over = _heading(line, now)
    link, link_text = _link(line)
    return Shown(
        id=_id(line),
        title=_title(line),
        says=_says(line),
        before=sentences.before_blocking(line.budget) if line.budget is not None else "",
        origin=str(ORIGINS.get(line.origin, "")),
        link=link,
        link_text=link_text,
        is_budget=line.origin == in_force.BUDGET,
        pk=str(line.budget.pk) if line.budget is not None else "",
        is_active=line.is_active,
        is_each=line.is_each,
        is_live=line.is_live,
        is_unknown=line.uses is None,
        of=figures.whole(line.limit.metric, line.amount),
        bars=bars,
        ticks=ticks,
        ticks_said=", ".join(tick.label for tick in ticks),
        heading=heading,
        is_heading_over=is_over,
        per=str(PER[line.limit.window]),
        resets=_moment(line, line.window.end, now) if line.window.kind != "minute" else None,
        raised=_raised(line),
        raised_until=_until(line, now),
        raise_pk=str(line.raised.pk) if line.raised is not None else "",
        told=told,
        is_told_nobody=is_nobody,
        level=bars[0].level if bars and line.is_active else "",
    )


def grouped(lines: Sequence[Line], channels: Sequence[AlertChannel], now: dt.datetime) -> list[dict[str, Any]]:
    """The groups that have any, each with what is closest to its limit first."""
    groups = []
    for title, dimensions in GROUPS:
        members = sorted((line for line in lines if line.limit.dimension in dimensions), key=_order)
        if members:
            groups.append({"title": title, "lines": [shown(line, channels, now) for line in members]})
    return groups


def by_closeness(lines: Sequence[Line], channels: Sequence[AlertChannel], now: dt.datetime) -> list[dict[str, Any]]:
    """All as one group."""
    return [{"title": "", "lines": [shown(line, channels, now) for line in sorted(lines, key=_order)]}]


def bar(line: Line, use: Use) -> Bar:
    metric = line.limit.metric
    used_width = min(WIDTH, _width(use.used, use.amount))
    held_width = min(WIDTH - used_width, _width(use.held, use.amount))
    first = min([*line.limit.thresholds, 100])
    percent = f"{use.percent:,} %" if use.percent or not use.used else _("< 1 %")
    words = {"percent": percent, "used": figures.bare(metric, use.used), "of": figures.whole(metric, use.amount)}
    return Bar(
        name=use.name if line.is_each else "",
        used=words["used"],
        held=figures.bare(metric, use.held) if use.held else "",
        left=figures.bare(metric, use.left),
        percent=percent,
        used_width=max(used_width, 4) if use.used else 0,  # the least usage is still seen
        held_width=max(held_width, 4) if use.held and used_width < WIDTH else 0,
        level="full" if use.percent >= 100 else "near" if use.percent >= first else "",
        label=_("%(used)s of %(of)s used, %(percent)s") % words,
    )


def _order(line: Line) -> tuple[Any, ...]:
    return (-line.closeness, line.limit.name)


def _width(part: int, amount: int) -> int:
    return part * WIDTH // amount if amount else WIDTH


def _id(line: Line) -> str:
    if line.budget is not None:
        return f"budget-{line.budget.pk}"
    parts = [line.origin, str(line.key.pk) if line.key is not None else line.tier, line.limit.metric]
    return "-".join(part for part in parts if part)


def _title(line: Line) -> str:
    if line.budget is not None:
        return line.budget.name
    if line.origin == in_force.TIER:
        return _("Each end user of tier %(tier)s") % {"tier": line.tier}
    if line.key is not None:
        return _("Key %(name)s") % {"name": line.key.name}
    return _("The plan's month") if line.limit.metric == limits.USD else _("The plan's tokens")


def _says(line: Line) -> str:
    if line.budget is not None:
        return sentences.blocking(line.budget)
    amount = figures.of(line.limit.metric, line.limit.amount)
    if line.origin == in_force.TIER:
        return sentences.of_tier(line.tier, line.limit.metric, line.limit.window, amount)
    subject = str(line.key) if line.key is not None else ""
    return sentences.blocks(line.limit.dimension, subject, line.limit.metric, line.limit.window, amount)


def _link(line: Line) -> tuple[str, str]:
    """Where the limit is set."""
    if line.budget is not None:
        return reverse("console:billing_budget_change", args=[line.budget.pk]), ""
    if line.key is not None:
        return reverse("console:tenants_apikey_change", args=[line.key.pk]), _("Set on the key")
    return reverse("console:billing_plan"), _("See the plan")


def _ticks(line: Line) -> list[Tick]:
    """In their order. A threshold is a share of the amount in force, as the ladder's are."""
    if not line.amount:
        return []
    limit = line.limit
    found = [Tick(share * 10, "alert", _("alert at %(share)d %%") % {"share": share}) for share in limit.thresholds]
    if limit.cheaper_at:
        found.append(Tick(limit.cheaper_at * 10, "cheaper", _("cheaper model from %d %%") % limit.cheaper_at))
    if limit.cached_only_at:
        found.append(
            Tick(limit.cached_only_at * 10, "cached", _("only cached answers from %d %%") % limit.cached_only_at)
        )
    if line.raised is not None:
        own = figures.whole(limit.metric, limit.amount)
        found.append(
            Tick(_width(limit.amount, line.amount), "own", _("%(amount)s without the raise") % {"amount": own})
        )
    return sorted(found, key=lambda tick: tick.at)


def _heading(line: Line, now: dt.datetime) -> tuple[str, bool]:
    """What it is heading for, and whether that is too much."""
    use, metric = line.nearest, line.limit.metric
    if not line.is_active or use is None:
        return "", False
    whose = f"{use.name}: " if line.is_each else ""
    if use.used >= use.amount:
        said = _("used up; requests are refused") if use.amount else _("nothing is let through")
        return whose + said, True
    found = line.forecast
    if found is None:
        return (whose + _("too early for a forecast"), False) if line.window.kind != "minute" else ("", False)
    if found.used_up_at is not None:
        at = dt.datetime.fromtimestamp(found.used_up_at, line.zone)
        return whose + _("at this pace used up %(when)s") % {"when": figures.soon(at, now)}, True
    if found.at_end is None:
        return whose + _("at this pace it lasts for more than a year"), False
    words = {"expected": figures.about(metric, found.at_end), "of": figures.whole(metric, line.amount)}
    return whose + _("about %(expected)s of %(of)s by the end") % words, False


def _moment(line: Line, at: float | None, now: dt.datetime) -> Moment | None:
    if at is None:
        return None
    when = dt.datetime.fromtimestamp(at, line.zone)
    return Moment(figures.until(when, now), figures.exact(when), when.isoformat())


def _raised(line: Line) -> str:
    if line.raised is None:
        return ""
    own, amount = (figures.whole(line.limit.metric, number) for number in (line.limit.amount, line.amount))
    return _("raised from %(own)s to %(amount)s") % {"own": own, "amount": amount}


def _until(line: Line, now: dt.datetime) -> Moment | None:
    return _moment(line, line.raised.ends_at.timestamp(), now) if line.raised is not None else None


def _told(line: Line, channels: Sequence[AlertChannel]) -> tuple[str, bool]:
    """At which shares who hears of it; and whether that is nobody though the tenant has channels."""
    if line.origin == in_force.TIER:
        return _("no alerts: it is each end user's own"), False
    named = None if line.budget is None else line.budget.channel_ids
    told = [channel for channel in channels if named is None or channel.pk in named]
    shares = ", ".join(str(share) for share in (*line.limit.thresholds, 100))
    if not told:
        return _("alerts at %(shares)s %% reach nobody") % {"shares": shares}, bool(channels)
    names = ", ".join(channel.name for channel in told)
    return _("alerts at %(shares)s %% go to %(names)s") % {"shares": shares, "names": names}, False
