"""Adds facts to the rollups, set by set, in SQL: records → base series (the cube's and the narrow ones) by minute → for each level, its
buckets and the shapes that the cube is part of.

Works on temporary tables that go with the transaction. Sums are added to what a row has; NULL is 0, as most sums of most rows are.
Sketches are appended, and written anew once they are long.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from dashboards import entries, facts, sketches
from dashboards.measures import MEASURES, NAMES, Measure
from dashboards.shapes import CUBE, NARROW, PARENTS, SHAPES, USER_NUMBERS, Level, Shape, kept_from


def _summed(*, is_last: bool) -> str:
    """SQL: every measure added up, NULL for 0. Of a batch, counts fit an int, whose sums are much cheaper than a bigint's."""

    def column(measure: Measure) -> str:
        kind = "int" if measure.is_count and not is_last else measure.type
        return f"nullif(sum({measure.name}), 0)::{kind} AS {measure.name}"

    return ", ".join(column(measure) for measure in MEASURES)


_SUMS, _LAST_SUMS = _summed(is_last=False), _summed(is_last=True)
_NAMES, _SKETCHES = ", ".join(NAMES), ", ".join(sketches.NAMES)
_MERGED = ", ".join(f"string_agg({name}, '') AS {name}" for name in sketches.NAMES)
_WITHOUT = ", ".join(str(shape.code) for shape in SHAPES if not shape.has_sketches)
_OWN_SKETCHES = ", ".join(f"CASE WHEN p.shape NOT IN ({_WITHOUT}) THEN {name} END AS {name}" for name in sketches.NAMES)
_BASES = ", ".join(str(shape.code) for shape in (CUBE, *NARROW))
_CELL = "tenant_id, shape, bucket, series_id"
_COLUMNS = ", ".join(
    [f"{measure.name} {'int' if measure.is_count else measure.type}" for measure in MEASURES]
    + [f"{name} bytea" for name in sketches.NAMES]
)
_TABLES = {
    "rolled_facts": (
        f"no int, tenant_id uuid, minute timestamptz, labels text[], end_user text, feature text, tags text[], {_COLUMNS}"
    ),
    "rolled_labels": "tenant_id uuid, shape smallint, labels text[]",
    "rolled_series": "id int, tenant_id uuid, shape smallint, labels text[]",
    "rolled_links": "no int, base int",
    "rolled_parents": "base int, tenant_id uuid, shape smallint, series_id int",
    "rolled_base": f"base int, minute timestamptz, {_COLUMNS}",
    "rolled_late": "level smallint, bucket timestamptz, tenant_id uuid, minute timestamptz",
    "rolled_long": f"{_CELL.replace(',', ' uuid,', 1).replace('shape', 'shape smallint').replace('bucket', 'bucket timestamptz')} int",
}
_GRAINS = {
    Level.MINUTE: "date_trunc('minute', {})",
    Level.QUARTER: "date_bin('15 minutes', {}, '2000-01-01 00:00Z')",
}
_BUCKETS = {
    **{level: grain.format("x.minute") for level, grain in _GRAINS.items()},
    Level.DAY: "date_trunc('day', x.minute AT TIME ZONE z.zone) AT TIME ZONE 'UTC'",
    Level.UTC_DAY: "date_trunc('day', x.minute AT TIME ZONE 'UTC') AT TIME ZONE 'UTC'",
}


def begin(cursor: Any) -> None:
    """Make the temporary tables, empty."""
    for name, columns in _TABLES.items():
        cursor.execute(f"CREATE TEMP TABLE IF NOT EXISTS {name} ({columns}) ON COMMIT DELETE ROWS")
    cursor.execute(f"TRUNCATE {', '.join(_TABLES)}")


def collect(
    cursor: Any, source: str, *, since: dt.datetime, until: dt.datetime, grain: Level = Level.MINUTE, **parameters: Any
) -> int:
    """Take the records of `source` (as in `facts.select`) that lie in that time; returns how many. `grain`: the finest level wanted."""
    labels = ", ".join(CUBE.dimensions)
    entries = ", ".join(sketches.entry_sql(name) for name in sketches.NAMES)
    cursor.execute(
        "INSERT INTO rolled_facts SELECT (SELECT coalesce(max(no), 0) FROM rolled_facts) + row_number() OVER (), tenant_id, "  # noqa: S608
        f"{_GRAINS[grain].format('accepted_at')}, ARRAY[{labels}], end_user, feature, tags, {_NAMES}, {entries} "
        f"FROM ({facts.select(source)}) AS f",
        {"since": since, "until": until, **parameters},
    )
    return int(cursor.rowcount)


def add(
    cursor: Any, levels: Iterable[Level], now: dt.datetime, starts: Mapping[Level, dt.datetime] | None = None
) -> None:
    """Add what was collected to the rollups of those levels, as far back as they are kept at `now`. `starts`: only buckets from then on."""
    cursor.execute("ANALYZE rolled_facts (tenant_id, labels, end_user, minute)")
    _know_calendars(cursor)
    _know_series(cursor)
    _link(cursor)
    is_one_minute = _fold(cursor)
    for level in levels:
        _add_cells(cursor, level, now, (starts or {}).get(level), is_one_minute=is_one_minute)
        _compact(cursor, level)


def _know_calendars(cursor: Any) -> None:
    """A tenant's days are of the zone that it had when its first record was added; `dashboards.calendars` follows a change."""
    cursor.execute(
        "INSERT INTO dashboards_calendar (tenant_id, zone) SELECT f.tenant_id, coalesce(t.timezone, 'UTC') "
        "FROM (SELECT DISTINCT tenant_id FROM rolled_facts) AS f LEFT JOIN tenants_tenant AS t ON t.id = f.tenant_id "
        "ON CONFLICT DO NOTHING"
    )


def number_users(cursor: Any, users: str, parameters: dict[str, Any] | None = None) -> None:
    """Give those of the SELECT `users` (tenant_id, end_user) numbers that have none yet."""
    cursor.execute(
        f"INSERT INTO dashboards_series (tenant_id, shape, labels) SELECT DISTINCT w.tenant_id, {USER_NUMBERS}, ARRAY[w.end_user] "  # noqa: S608
        f"FROM ({users}) AS w WHERE NOT EXISTS (SELECT FROM dashboards_series AS s "
        f"WHERE s.tenant_id = w.tenant_id AND s.shape = {USER_NUMBERS} AND s.labels = ARRAY[w.end_user]) ON CONFLICT DO NOTHING",
        parameters,
    )


def append_users(cursor: Any) -> None:
    """Of facts that came too late for the strings in which their days' end users are packed, append these. After `add`."""
    days = ", ".join(f"({int(level)}, {_BUCKETS[level]})" for level in (Level.DAY, Level.UTC_DAY))
    cursor.execute(
        "INSERT INTO rolled_late SELECT d.level, d.bucket, x.tenant_id, x.minute "  # noqa: S608
        "FROM (SELECT DISTINCT tenant_id, minute FROM rolled_facts) AS x JOIN dashboards_calendar AS z USING (tenant_id) "
        f"JOIN dashboards_userday AS d ON d.tenant_id = x.tenant_id AND (d.level, d.bucket) IN ({days})"
    )
    if not cursor.rowcount:
        return
    late = "rolled_late AS b JOIN rolled_facts AS f USING (tenant_id, minute)"
    number_users(cursor, f"SELECT f.tenant_id, f.end_user FROM {late} WHERE f.end_user <> ''")  # noqa: S608
    entry = entries.entry_sql("c.id", "u.id", "f.requests", "f.cost_usd")
    cursor.execute(
        "UPDATE dashboards_userday AS d SET entries = d.entries || more.entries FROM ("  # noqa: S608
        f"SELECT b.level, b.bucket, f.tenant_id, string_agg({entry}, '') AS entries FROM {late} "
        f"JOIN rolled_links AS l USING (no) JOIN rolled_series AS c ON c.id = l.base AND c.shape = {CUBE.code} "
        f"JOIN dashboards_series AS u ON u.tenant_id = f.tenant_id AND u.shape = {USER_NUMBERS} AND u.labels = ARRAY[f.end_user] "
        "WHERE f.end_user <> '' GROUP BY 1, 2, 3) AS more "
        "WHERE d.level = more.level AND d.tenant_id = more.tenant_id AND d.bucket = more.bucket"
    )


def _labels(shape: Shape, table: str, own: str = "") -> str:
    """SQL: the labels that a row of the cube has in a shape; `own`: what is not the cube's, which comes first."""
    places = {name: place for place, name in enumerate(CUBE.dimensions, start=1)}
    found = [f"{table}.labels[{places[name]}]" for name in shape.dimensions if name in places]
    return f"ARRAY[{', '.join([own, *found] if own else found)}]::text[]"


def _parents(shapes: Iterable[Shape]) -> str:
    """SQL: the shapes that a cube's row is part of, with its labels there."""
    rows = [f"({shape.code}, {_labels(shape, 'c')})" for shape in shapes]
    return f"(VALUES {', '.join(rows)}) AS p (shape, labels)"


def _narrow() -> str:
    """SQL: the narrow shapes' labels of every fact."""
    user, feature, tag = NARROW
    return (
        f"SELECT no, tenant_id, {user.code} AS shape, {_labels(user, 'f', 'end_user')} AS labels FROM rolled_facts AS f "  # noqa: S608
        f"UNION ALL SELECT no, tenant_id, {feature.code}, {_labels(feature, 'f', 'feature')} FROM rolled_facts AS f "
        f"UNION ALL SELECT no, tenant_id, {tag.code}, {_labels(tag, 'f', 't.tag')} FROM rolled_facts AS f, "
        "LATERAL (SELECT DISTINCT unnest(tags) AS tag) AS t WHERE tags <> '{}'"
    )


def _know_series(cursor: Any) -> None:
    """Bring together the series that the facts belong to, with their numbers; a combination of labels that is new gets one.

    What is joined with them later is joined with these few, not with all series there are, of whose labels PostgreSQL knows little.
    """
    cursor.execute(
        "INSERT INTO rolled_labels SELECT DISTINCT c.tenant_id, p.shape, p.labels FROM "  # noqa: S608
        f"(SELECT DISTINCT tenant_id, labels FROM rolled_facts) AS c CROSS JOIN LATERAL {_parents((*PARENTS, CUBE))} "
        f"UNION ALL SELECT DISTINCT tenant_id, shape, labels FROM ({_narrow()}) AS n"
    )
    cursor.execute("ANALYZE rolled_labels")
    known = "s.tenant_id = w.tenant_id AND s.shape = w.shape AND s.labels = w.labels"
    cursor.execute(  # by ON CONFLICT alone, every known one would use up a number, too
        "INSERT INTO dashboards_series (tenant_id, shape, labels) SELECT w.tenant_id, w.shape, w.labels FROM rolled_labels AS w "  # noqa: S608
        f"WHERE NOT EXISTS (SELECT FROM dashboards_series AS s WHERE {known}) ON CONFLICT DO NOTHING"
    )
    cursor.execute(
        f"INSERT INTO rolled_series SELECT s.id, w.* FROM rolled_labels AS w JOIN dashboards_series AS s ON {known}"  # noqa: S608
    )
    cursor.execute("ANALYZE rolled_series")


def _link(cursor: Any) -> None:
    """Each fact to its base series (the cube's, and the narrow ones it has), and each of those to the shapes that it is part of."""
    cursor.execute(
        f"INSERT INTO rolled_links SELECT w.no, s.id FROM (SELECT no, tenant_id, {CUBE.code} AS shape, labels FROM rolled_facts "  # noqa: S608
        f"UNION ALL {_narrow()}) AS w JOIN rolled_series AS s USING (tenant_id, shape, labels)"
    )
    cursor.execute(
        "INSERT INTO rolled_parents SELECT c.id, c.tenant_id, p.shape, s.id FROM "  # noqa: S608
        f"(SELECT * FROM rolled_series WHERE shape = {CUBE.code}) AS c CROSS JOIN LATERAL {_parents(PARENTS)} "
        "JOIN rolled_series AS s ON s.tenant_id = c.tenant_id AND s.shape = p.shape AND s.labels = p.labels "
        f"UNION ALL SELECT id, tenant_id, shape, id FROM rolled_series WHERE shape IN ({_BASES})"
    )
    cursor.execute("ANALYZE rolled_links")
    cursor.execute("ANALYZE rolled_parents")


def _fold(cursor: Any) -> bool:
    """Add up by base series and minute; returns whether it is one minute for all: then buckets of every level are those of the minute, as
    with most lots of live traffic.
    """
    cursor.execute(
        f"INSERT INTO rolled_base SELECT l.base, f.minute, {_SUMS}, {_MERGED} "  # noqa: S608
        "FROM rolled_links AS l JOIN rolled_facts AS f USING (no) GROUP BY 1, 2"
    )
    cursor.execute("ANALYZE rolled_base (base, minute)")
    cursor.execute("SELECT min(minute) = max(minute) FROM rolled_base")
    return bool(cursor.fetchone()[0])


def _wanted(level: Level, now: dt.datetime) -> str:
    """SQL: which shapes have the level, and from when on."""
    kept = defaultdict(list)
    for shape in SHAPES:
        if level in shape.levels:
            kept[kept_from(shape, level, now)].append(str(shape.code))
    return " OR ".join(
        f"(p.shape IN ({', '.join(codes)})" + (f" AND b.bucket >= '{since.isoformat()}')" if since else ")")
        for since, codes in kept.items()
    )


def _add_cells(cursor: Any, level: Level, now: dt.datetime, start: dt.datetime | None, *, is_one_minute: bool) -> None:
    zones = (
        "JOIN (SELECT DISTINCT base, zone FROM rolled_parents JOIN dashboards_calendar USING (tenant_id)) AS z USING (base)"
        if level is Level.DAY
        else ""
    )
    added = ", ".join(f"{name} = nullif(coalesce(c.{name}, 0) + coalesce(EXCLUDED.{name}, 0), 0)" for name in NAMES)
    appended = ", ".join(
        f"{name} = coalesce(c.{name} || EXCLUDED.{name}, c.{name}, EXCLUDED.{name})" for name in sketches.NAMES
    )
    is_long = " OR ".join(f"length({name}) > {4 * sketches.COMPACT_FROM}" for name in sketches.NAMES)
    columns = f"{_NAMES}, {_SKETCHES}" if is_one_minute else f"{_SUMS}, {_MERGED}"
    grouped = "" if is_one_minute else "GROUP BY 1, 2"
    from_start = f"b.bucket >= '{start.isoformat()}' AND " if start else ""
    found = f"FROM b JOIN rolled_parents AS p USING (base) WHERE {from_start}({_wanted(level, now)}) AND"
    cursor.execute(
        f"WITH b AS MATERIALIZED (SELECT x.base, {_BUCKETS[level]} AS bucket, {columns} FROM rolled_base AS x {zones} {grouped}), "  # noqa: S608
        f"fresh AS (SELECT p.tenant_id, p.shape, b.bucket, p.series_id, {_NAMES}, {_OWN_SKETCHES} {found} p.series_id = b.base "
        f"UNION ALL SELECT p.tenant_id, p.shape, b.bucket, p.series_id, {_LAST_SUMS}, {_MERGED} {found} p.series_id <> b.base "
        "GROUP BY 1, 2, 3, 4), "
        f"added AS (INSERT INTO dashboards_cell AS c (level, {_CELL}, {_NAMES}, {_SKETCHES}) "
        f"SELECT {int(level)}, {_CELL}, {_NAMES}, {_SKETCHES} FROM fresh "
        f"ON CONFLICT (level, {_CELL}) DO UPDATE SET {added}, {appended} RETURNING {_CELL}, {is_long} AS is_long) "
        f"INSERT INTO rolled_long SELECT {_CELL} FROM added WHERE is_long"
    )


def _compact(cursor: Any, level: Level) -> None:
    """Write long sketches anew, with one entry for each bucket."""
    match = " AND ".join(f"c.{name} = l.{name}" for name in _CELL.split(", "))
    cursor.execute(
        f"SELECT c.{_CELL.replace(', ', ', c.')}, {_SKETCHES} FROM dashboards_cell AS c JOIN rolled_long AS l ON {match} "  # noqa: S608
        f"WHERE c.level = {int(level)}"
    )
    rows = cursor.fetchall()
    cursor.execute("TRUNCATE rolled_long")
    if not rows:
        return
    columns: list[list[Any]] = [list(column) for column in zip(*rows, strict=True)]
    for place in range(4, len(columns)):
        columns[place] = [
            data if data is None or len(data) <= 4 * sketches.COMPACT_FROM else sketches.compacted(data)
            for data in columns[place]
        ]
    types = ("uuid", "smallint", "timestamptz", "int", *("bytea" for _name in sketches.NAMES))
    given = ", ".join(f"%s::{kind}[]" for kind in types)
    changes = ", ".join(f"{name} = l.{name}" for name in sketches.NAMES)
    cursor.execute(
        f"UPDATE dashboards_cell AS c SET {changes} FROM unnest({given}) AS l ({_CELL}, {_SKETCHES}) "  # noqa: S608
        f"WHERE c.level = {int(level)} AND {match}",
        columns,
    )
