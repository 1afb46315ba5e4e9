"""Judges a circuit breaker that was looked at: it has weighed many calls before it opened, so one look is enough to begin an episode.

Between two looks one may open and close again: its last change tells. It is over once it has stayed closed for a while, or a model that is
tried again every half minute and fails again would begin an episode each time.
"""

from __future__ import annotations

import datetime as dt

from dashboards.alarms.deciding import Change, Open

LOOKED_BACK = dt.timedelta(minutes=2)  # between two looks, at the most that is to be expected
CALM = dt.timedelta(minutes=5)
LONG = dt.timedelta(minutes=10)  # how long an episode lasts until it is worse


def decide(
    *, is_closed: bool, changed_at: dt.datetime | None, is_open: Open, begun_at: dt.datetime | None, now: dt.datetime
) -> Change:
    """`changed_at`: when the breaker opened or closed last; None: not for hours. `begun_at`: of the episode, if one is open."""
    if is_open is Open.NO:
        has_just_closed = is_closed and changed_at is not None and now - changed_at <= LOOKED_BACK
        return Change.BEGIN if not is_closed or has_just_closed else Change.NONE
    if is_closed:
        return Change.END if changed_at is None or now - changed_at >= CALM else Change.NONE
    is_long = begun_at is not None and now - begun_at >= LONG
    return Change.GET_WORSE if is_long and is_open is Open.BAD else Change.NONE
