"""Which rollups there are: levels of time, and shapes, each the dimensions that its rows keep apart.

The full cross product of all dimensions would have about as many rows as the log. So there is one shape for each dimension by itself, one
for tasks by model, and one, the cube, for all that have few values; end users, features and tags have shapes with a few others. A question
goes to the smallest shape that has its dimensions, and to the raw log where none has (see `dashboards.planning`).

Levels: minutes, quarters of an hour, days of the tenant's own time zone, days of UTC. All offsets of time zones that are in force are
multiples of 15 minutes, so quarters make up every zone's hours and days; hours of UTC do not (Kathmandu is at +05:45).
"""

from __future__ import annotations

import datetime as dt
import enum
from dataclasses import dataclass

from dashboards import errors


class Level(enum.IntEnum):
    """As in the rollups' tables. A row's bucket is when its minute or quarter begins; of a day, midnight UTC of its *date*."""

    MINUTE = 1
    QUARTER = 2
    DAY = 3
    UTC_DAY = 4


SECONDS = {Level.MINUTE: 60, Level.QUARTER: 900}

# Dimension → SQL of its value as text; `r` is a row of the request log.
DIMENSIONS = {
    "task": "r.task",
    "endpoint": "r.endpoint",
    "model": "r.model_served",
    "provider": "r.provider",
    "key": "r.api_key_id::text",
    "status": "r.status::text",
    "outcome": "r.outcome",
    "error_type": "r.error_type",
    "error": errors.KIND_SQL,
    "stream": "r.is_stream::text",
    "cache": "r.cache",
    "end_user": "r.end_user",
    "feature": "r.feature",
    "tag": "",  # a record may have several: see `dashboards.facts`
}
TENANT = "tenant"  # a dimension too, where the question is put across tenants: every row has it


@dataclass(frozen=True)
class Shape:
    """`code` is as in the tables. `quarter_days`: how many days its quarters are kept; 0: it has none. Without sketches it has sums only:
    an end user's percentiles come from the log, where an index leads to that user's few rows.
    """

    code: int
    name: str
    dimensions: tuple[str, ...]
    has_minutes: bool
    quarter_days: int
    has_utc_days: bool = False
    has_sketches: bool = True

    @property
    def levels(self) -> frozenset[Level]:
        wanted = {
            Level.MINUTE: self.has_minutes,
            Level.QUARTER: self.quarter_days > 0,
            Level.DAY: True,
            Level.UTC_DAY: self.has_utc_days,
        }
        return frozenset(level for level, is_wanted in wanted.items() if is_wanted)


MINUTE_DAYS = 3
_LONG, _SHORT = 35, 16  # a month; a week beside the one before; and a little over

CUBE = Shape(
    10,
    "cube",
    ("task", "endpoint", "model", "provider", "key", "status", "outcome", "error_type", "error", "stream", "cache"),
    True,
    _SHORT,
)
TOTAL = Shape(1, "total", (), True, _LONG, has_utc_days=True)
# Smallest first.
PARENTS = (
    TOTAL,
    Shape(2, "endpoint", ("endpoint",), True, _LONG, has_utc_days=True),
    Shape(3, "task", ("task",), True, _LONG, has_utc_days=True),
    Shape(4, "model", ("model", "provider"), True, _LONG, has_utc_days=True),
    Shape(5, "key", ("key",), True, _LONG, has_utc_days=True),
    Shape(6, "result", ("status", "outcome", "error_type", "error"), True, _LONG, has_utc_days=True),
    Shape(7, "task_model", ("task", "model", "provider"), False, _SHORT),
)
# The first dimension has many values (or several at once); the others are of the cube's.
NARROW = (
    Shape(11, "end_user", ("end_user", "task"), False, _SHORT, has_utc_days=True, has_sketches=False),
    Shape(12, "feature", ("feature", "task", "model", "provider"), False, _SHORT),
    Shape(13, "tag", ("tag", "task", "model", "provider"), False, _SHORT),
)
SHAPES = (*PARENTS, CUBE, *NARROW)
USER_NUMBERS = 14  # of series that are no rollup's: they give each end user a number (see `dashboards.entries`)


def kept_from(shape: Shape, level: Level, now: dt.datetime) -> dt.datetime | None:
    """From when on the shape's rows of that level are kept: a whole quarter of an hour; None: for ever."""
    days = {Level.MINUTE: MINUTE_DAYS, Level.QUARTER: shape.quarter_days}.get(level)
    if days is None:
        return None
    at = now.astimezone(dt.UTC) - dt.timedelta(days=days)
    return at.replace(minute=at.minute // 15 * 15, second=0, microsecond=0)
