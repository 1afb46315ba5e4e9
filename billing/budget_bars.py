"""A budget's standing as bars: how long each is, in which colour, and what stands beside it."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.utils import formats
from django.utils.translation import gettext as _

from billing import sentences
from billing.models import Budget
from billing.standing import Standing


@dataclass(frozen=True)
class Bar:
    """`name` is empty where the budget has one subject. The least usage is still seen, unless `is_empty`.

    `level` is "", "near" (a threshold is passed) or "full".
    """

    name: str
    used: str
    percent: str
    width: int
    is_empty: bool
    level: str


@dataclass(frozen=True)
class Shown:
    """`bars` empty: nothing was used yet by anyone, or, if `is_unknown`, it could not be added up in time."""

    bars: list[Bar]
    is_single: bool
    is_unknown: bool
    of: str
    window: str


def shown(budget: Budget, standing: Standing) -> Shown:
    is_each = budget.scope != Budget.Scope.TENANT and not budget.counted_subject
    first = min([*budget.thresholds, 100])
    bars = [
        Bar(
            name=use.name if is_each else "",
            used=sentences.quantity(budget.metric, use.used),
            percent=percentage(use.percent, is_used=bool(use.used)),
            width=max(0, min(use.percent, 100)),
            is_empty=not use.used,
            level="full" if use.percent >= 100 else "near" if use.percent >= first else "",
        )
        for use in standing.uses or ()
    ]
    of = sentences.quantity(budget.metric, standing.amount)
    return Shown(bars, is_single=not is_each, is_unknown=standing.uses is None, of=of, window=_window(standing))


def percentage(percent: int, *, is_used: bool) -> str:
    """A share as people read it: something is never nothing."""
    return f"{percent:,} %" if percent or not is_used else _("< 1 %")


def _window(standing: Standing) -> str:
    if standing.window.end is None:
        return _("from the beginning")
    start, end = (dt.datetime.fromtimestamp(at, standing.zone) for at in (standing.window.start, standing.window.end))
    if standing.window.kind in ("minute", "hour"):
        return f"{formats.date_format(start, 'DATETIME_FORMAT')} – {end:%H:%M} ({standing.zone})"
    last = end - dt.timedelta(seconds=1)
    if start.date() == last.date():
        return f"{formats.date_format(start, 'DATE_FORMAT')} ({standing.zone})"
    return f"{formats.date_format(start, 'DATE_FORMAT')} – {formats.date_format(last, 'DATE_FORMAT')} ({standing.zone})"
