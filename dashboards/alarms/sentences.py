"""What an alarm says to people: a line, and a sentence or two with the figures that it was judged by. Times are on the tenant's clock."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from django.utils import formats
from django.utils.translation import gettext as _

from dashboards.alarms.drops import Votes
from dashboards.alarms.fleet import Standing
from dashboards.alarms.shares import Counted
from dashboards.alarms.spending import Usual


@dataclass(frozen=True)
class Words:
    name: str
    text: str


@dataclass(frozen=True)
class Span:
    """The time that was judged, and whose clock shows it."""

    start: dt.datetime
    end: dt.datetime
    zone: ZoneInfo

    def __str__(self) -> str:
        start, end = (at.astimezone(self.zone) for at in (self.start, self.end))
        if start.date() == end.date():
            values = {"day": day(end), "start": f"{start:%H:%M}", "end": f"{end:%H:%M}", "zone": self.zone}
            return _("on %(day)s from %(start)s to %(end)s (%(zone)s)") % values
        values = {"start": f"{day(start)} {start:%H:%M}", "end": f"{day(end)} {end:%H:%M}", "zone": self.zone}
        return _("from %(start)s to %(end)s (%(zone)s)") % values


def slow(task: str, p95_ms: float, target_ms: int, counted: Counted, span: Span) -> Words:
    words = {"p95": seconds(p95_ms), "target": seconds(target_ms), "task": task, "span": span, **_counts(counted)}
    if task:
        name = _("Slow answers of task %(task)s: p95 is %(p95)s")
        text = _("95 %% of the answers of task %(task)s took up to %(p95)s %(span)s; the target is %(target)s.")
    else:
        name = _("Slow answers: p95 is %(p95)s")
        text = _("95 %% of answers took up to %(p95)s %(span)s; the target is %(target)s.")
    more = _("%(bad)s of %(of)s took longer than that.")
    return Words(name % words, f"{text % words} {more % words}")


def errors(limit: float, counted: Counted, span: Span) -> Words:
    words = {"share": percent(counted.share), "limit": percent(limit), "span": span, **_counts(counted)}
    text = _("%(bad)s of %(of)s requests (%(share)s) ended with an error %(span)s; the limit is %(limit)s.")
    return Words(_("Errors: %(share)s of requests") % words, text % words)


def few_hits(limit: float, counted: Counted, span: Span) -> Words:
    """`counted` has misses for bad ones."""
    hits = counted.of - counted.bad
    words = {"share": percent(hits / counted.of), "limit": percent(limit), "span": span, "of": f"{counted.of:,}"}
    words["hits"] = f"{hits:,}"
    text = _(
        "Of %(of)s requests that a cache was asked about %(span)s, it answered %(hits)s (%(share)s); the limit is %(limit)s. So few "
        "hits hardly pay for looking them up: see whether prompts differ where they need not, or what the policy leaves out."
    )
    return Words(_("Cache hit rate: %(share)s") % words, text % words)


def spending(spent: float, usual: Usual, span: Span) -> Words:
    words = {"spent": usd(spent), "usual": usd(usual.amount), "limit": usd(usual.limit), "span": span}
    text = _(
        "Requests cost %(spent)s %(span)s. At this time of the week an hour usually costs %(usual)s; more than %(limit)s is unusual."
    )
    return Words(_("Spending: %(spent)s in an hour") % words, text % words)


def drop(task: str, recent: Votes, usual: Votes, until: dt.date, *, is_judged: bool = False) -> Words:
    """`is_judged`: it is judges' scores that fell, not votes."""
    words = {
        "task": task, "now": percent(recent.share), "before": percent(usual.share), "of": f"{recent.of:,}",
        "until": formats.date_format(until, "j F"),
    }  # fmt: skip
    if task:
        name = _("Quality of task %(task)s fell to %(now)s")
        text = _(
            "%(now)s of the %(of)s votes on answers of task %(task)s in the two weeks up to %(until)s are thumbs up."
        )
    else:
        name = _("Quality of answers without a task fell to %(now)s")
        text = _(
            "%(now)s of the %(of)s votes on answers without a task in the two weeks up to %(until)s are thumbs up."
        )
    if is_judged:
        where = _("answers of task %(task)s") if task else _("answers without a task")
        name = _("Judges find fewer good: %(where)s, %(now)s")
        text = _("%(now)s of the %(of)s %(where)s that were judged in the two weeks up to %(until)s are good.")
        words["where"] = where % words
    more = _("In the weeks before, %(before)s were.")
    return Words(name % words, f"{text % words} {more % words}")


def breaker(standing: Standing, at: dt.datetime, zone: ZoneInfo, *, is_long: bool) -> Words:
    words = {
        "model": standing.model,
        "provider": standing.provider,
        "at": f"{at.astimezone(zone):%H:%M} ({zone})",
    }
    if is_long:
        name = _("%(model)s keeps failing")
        text = _("Calls of %(model)s at %(provider)s have kept failing since %(at)s.")
    else:
        name = _("%(model)s fails and is left alone")
        text = _("Calls of %(model)s at %(provider)s failed too often, so its circuit breaker opened at %(at)s.")
    more = _("Requests go to the next model of their chain, or fail where there is none.")
    return Words(name % words, f"{text % words} {more % words}")


def unmeasured() -> str:
    return _("There is too little by now to judge it by.")


def unwatched() -> str:
    return _("It is not watched for any more.")


def usual_by_now() -> str:
    return _("It has been so for twelve weeks, and is taken as usual from now on.")


def _counts(counted: Counted) -> dict[str, str]:
    return {"bad": f"{counted.bad:,}", "of": f"{counted.of:,}"}


def percent(share: float) -> str:
    return f"{share * 100:.1f}".removesuffix(".0") + " %"


def seconds(milliseconds: float) -> str:
    if milliseconds < 1000:
        return f"{milliseconds:.0f} ms"
    return f"{milliseconds / 1000:.1f}".removesuffix(".0") + " s"


def usd(amount: float) -> str:
    return f"${amount:,.2f}"


def day(at: dt.datetime) -> str:
    return str(formats.date_format(at, "j F"))
