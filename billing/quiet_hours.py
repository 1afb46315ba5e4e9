"""When people do not want to be disturbed: until when a notice waits that comes now. No I/O."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

from billing.models import AlertSettings, Severity
from billing.models.channels import RANK

_DAY = dt.timedelta(days=1)


def ends(settings: AlertSettings, zone: ZoneInfo, severity: Severity, now: dt.datetime) -> dt.datetime | None:
    """When the quiet hours end that `now` lies in; None if it is in none, or they do not hold for that severity.

    They may go on past midnight. A time that the clock passes over or shows twice, as daylight saving begins or ends, counts as it
    shows first.
    """
    begin, end = settings.quiet_from, settings.quiet_until
    if begin is None or end is None:
        return None
    if settings.quiet_severity and RANK[severity] >= RANK[Severity(settings.quiet_severity)]:
        return None
    local = now.astimezone(zone)
    is_quiet = begin <= local.time() < end if begin < end else local.time() >= begin or local.time() < end
    if not is_quiet:
        return None
    day = local.date() + (_DAY if local.time() >= end else dt.timedelta())
    return dt.datetime.combine(day, end, zone).astimezone(dt.UTC)
