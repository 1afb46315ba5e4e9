"""Deletes rollups by the minute and by the quarter of an hour that are older than they are kept. Days stay for ever."""

from __future__ import annotations

import datetime as dt

from django.db import connection

from dashboards.shapes import SHAPES, Level, kept_from

SLACK = dt.timedelta(hours=1)  # for questions that were planned before


def forget(now: dt.datetime) -> int:
    """Returns how many rows. Idempotent."""
    deleted = 0
    for level in (Level.MINUTE, Level.QUARTER):
        for shape in SHAPES:
            before = kept_from(shape, level, now)
            if level not in shape.levels or before is None:
                continue
            with connection.cursor() as cursor:
                cursor.execute(
                    "DELETE FROM dashboards_cell AS c USING dashboards_calendar AS t "
                    "WHERE c.level = %s AND c.tenant_id = t.tenant_id AND c.shape = %s AND c.bucket < %s",
                    [int(level), shape.code, before - SLACK],
                )
                deleted += cursor.rowcount
    return deleted
