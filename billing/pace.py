"""How much of a limit will be used by the end of its window, at the pace there is. No Django, no I/O.

The method, which the pages state: what was used so far, plus, for the rest of the window, the average of this window's pace and that of
the few windows before it. These count as a quarter of a window, so at a window's start they decide and at its end they hardly matter.
Without any, nothing is said before a tenth of the window has passed. A limit that never resets goes on at the pace of the last days.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from billing.windows import Window

EARLIER_COUNT_AS = 0.25  # of a window
LEAST_ELAPSED = 0.1  # of a window, if there is none before it
LONGEST_SECONDS = 366 * 86_400  # farther ahead nothing is foretold
DAY = 86_400
# How many windows before the present one are looked at. Of "total", days.
EARLIER = {"minute": 0, "hour": 0, "day": 7, "week": 4, "month": 3, "total": 7}


@dataclass(frozen=True)
class Forecast:
    """In the limit's own unit. `at_end` None: the window never ends. `used_up_at` (Unix seconds) None: not within it, or it is already."""

    at_end: float | None
    used_up_at: float | None


def forecast(used: float, amount: float, window: Window, now: float, earlier: Sequence[float]) -> Forecast | None:
    """None: too early to say. `earlier`: what windows (of "total": days) before this one used, as many as are known."""
    if window.kind == "minute":
        return None
    usual = sum(earlier) / len(earlier) if earlier else None
    if window.end is None:
        return None if usual is None else Forecast(None, _when(used, amount, usual / DAY, now, now + LONGEST_SECONDS))
    length = window.end - window.start
    elapsed = min(1.0, max(0.0, (now - window.start) / length))
    if usual is None:
        if elapsed < LEAST_ELAPSED:
            return None
        a_window = used / elapsed
    else:
        a_window = (used + EARLIER_COUNT_AS * usual) / (elapsed + EARLIER_COUNT_AS)
    return Forecast(used + a_window * (1 - elapsed), _when(used, amount, a_window / length, now, window.end))


def _when(used: float, amount: float, a_second: float, now: float, until: float) -> float | None:
    if used >= amount or a_second <= 0:
        return None
    at = now + (amount - used) / a_second
    return at if at < until else None
