"""Adds facts to the rollups, set by set, in SQL: records → cells of every shape by minute → each level's rows.

Works on temporary tables that go with the transaction. Shapes are made from the cube's cells, which are far fewer than the records where
there is traffic, and levels from the shapes'. Sums are added to what a row has; NULL is 0, as most sums of most rows are. Sketches are
appended, and compacted once they are long.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any

from dashboards import facts, sketches
from dashboards.measures import MEASURES, NAMES
from dashboards.shapes import CUBE, NARROW, PARENTS, SHAPES, Level, Shape

_SUMS = ", ".join(f"nullif(sum({name}), 0)::{measure.type} AS {name}" for name, measure in zip(NAMES, MEASURES, strict=True))
_NAMES = ", ".join(NAMES)
_SKETCHES = ", ".join(sketches.NAMES)
_CELL = "tenant_id, shape, bucket, series_id"
_PARENTS = (*PARENTS, CUBE)

_TABLES = {
    "rolled_facts": (
        "no int, tenant_id uuid, minute timestamptz, labels text[], end_user text, feature text, tags text[], steps jsonb, "
        + ", ".join(f"{measure.name} {measure.type}" for measure in MEASURES)
        + ", "
        + ", ".join(f"{name} int" for name in sketches.NAMES)
    ),
    "rolled_links": "no int, base int",
    "rolled_parents": "base int, tenant_id uuid, shape smallint, series_id int",
    "rolled_cells": "tenant_id uuid, shape smallint, minute timestamptz, series_id int, "
    + ", ".join(f"{measure.name} {measure.type}" for measure in MEASURES),
    "rolled_entries": "tenant_id uuid, shape smallint, minute timestamptz, series_id int, kind smallint, slot int, n bigint",
    "rolled_steps": "tenant_id uuid, shape smallint, minute timestamptz, series_id int, step text, slot int, n bigint, us bigint",
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
    cursor.execute(
        f"INSERT INTO rolled_facts SELECT (SELECT coalesce(max(no), 0) FROM rolled_facts) + row_number() OVER (), tenant_id, "  # noqa: S608
        f"{_GRAINS[grain].format('accepted_at')}, ARRAY[{labels}], end_user, feature, tags, steps, {_NAMES}, {_SKETCHES} "
        f"FROM ({facts.select(source)}) AS f",
        {"since": since, "until": until, **parameters},
    )
    return int(cursor.rowcount)


def add(cursor: Any, levels: Iterable[Level]) -> None:
    """Add what was collected to the rollups of those levels."""
    cursor.execute("ANALYZE rolled_facts (tenant_id, labels, end_user, minute)")
    _know_calendars(cursor)
    _know_series(cursor)
    _link(cursor)
    _fold(cursor)
    for level in levels:
        _add_cells(cursor, level)
        _add_steps(cursor, level)


def _know_calendars(cursor: Any) -> None:
    """A tenant's days are of the zone that it had when its first record was added; `dashboards.calendars` follows a change."""
    cursor.execute(
        "INSERT INTO dashboards_calendar (tenant_id, zone) SELECT f.tenant_id, coalesce(t.timezone, 'UTC') "
        "FROM (SELECT DISTINCT tenant_id FROM rolled_facts) AS f LEFT JOIN tenants_tenant AS t ON t.id = f.tenant_id "
        "ON CONFLICT DO NOTHING"
    )


def _parents() -> str:
    """SQL: the shapes that a cube's row is part of, with its labels there."""
    places = {name: place for place, name in enumerate(CUBE.dimensions, start=1)}
    rows = [
        f"({shape.code}, ARRAY[{', '.join(f'c.labels[{places[name]}]' for name in shape.dimensions)}]::text[])"
        for shape in _PARENTS
    ]
    return f"(VALUES {', '.join(rows)}) AS p (shape, labels)"


def _narrow() -> str:
    """SQL: the narrow shapes' labels of every fact."""
    user, feature, tag = (shape.code for shape in NARROW)
    return (
        f"SELECT no, tenant_id, {user} AS shape, ARRAY[end_user] AS labels FROM rolled_facts WHERE end_user <> '' "  # noqa: S608
        f"UNION ALL SELECT no, tenant_id, {feature}, ARRAY[feature] FROM rolled_facts WHERE feature <> '' "
        f"UNION ALL SELECT no, tenant_id, {tag}, ARRAY[t.tag::text] FROM rolled_facts, "
        "LATERAL (SELECT DISTINCT unnest(tags) AS tag) AS t WHERE tags <> '{}'"
    )


def _know_series(cursor: Any) -> None:
    """Give a number to each combination of labels that is new. (By ON CONFLICT alone every known one would use up a number, too.)"""
    cursor.execute(
        "INSERT INTO dashboards_series (tenant_id, shape, labels) "  # noqa: S608
        "SELECT * FROM (SELECT DISTINCT c.tenant_id, p.shape, p.labels FROM "
        f"(SELECT DISTINCT tenant_id, labels FROM rolled_facts) AS c CROSS JOIN LATERAL {_parents()} "
        f"UNION ALL SELECT DISTINCT tenant_id, shape, labels FROM ({_narrow()}) AS n) AS wanted "
        "WHERE NOT EXISTS (SELECT FROM dashboards_series AS s WHERE s.tenant_id = wanted.tenant_id AND s.shape = wanted.shape "
        "AND s.labels = wanted.labels) ON CONFLICT DO NOTHING"
    )


def _link(cursor: Any) -> None:
    """Each fact to its base series (the cube's, and the narrow ones it has), and each of those to the shapes that it is part of."""
    series = "JOIN dashboards_series AS s ON s.tenant_id = w.tenant_id AND s.shape = w.shape AND s.labels = w.labels"
    cursor.execute(
        f"INSERT INTO rolled_links SELECT w.no, s.id FROM (SELECT no, tenant_id, {CUBE.code} AS shape, labels FROM rolled_facts "  # noqa: S608
        f"UNION ALL {_narrow()}) AS w {series}"
    )
    cursor.execute(
        "INSERT INTO rolled_parents SELECT c.id, c.tenant_id, p.shape, s.id FROM "  # noqa: S608
        "(SELECT id, tenant_id, labels, shape FROM dashboards_series WHERE id IN (SELECT base FROM rolled_links) "
        f"AND shape = {CUBE.code}) AS c CROSS JOIN LATERAL {_parents()} "
        "JOIN dashboards_series AS s ON s.tenant_id = c.tenant_id AND s.shape = p.shape AND s.labels = p.labels "
        f"UNION ALL SELECT id, tenant_id, shape, id FROM dashboards_series WHERE id IN (SELECT base FROM rolled_links) "
        f"AND shape <> {CUBE.code}"
    )
    cursor.execute("ANALYZE rolled_links")
    cursor.execute("ANALYZE rolled_parents")


def _fold(cursor: Any) -> None:
    """By series and minute, for every shape: the sums, the sketches' entries, the steps."""
    cursor.execute(
        "INSERT INTO rolled_cells SELECT p.tenant_id, p.shape, b.minute, p.series_id, "  # noqa: S608
        f"{_SUMS} FROM (SELECT l.base, f.minute, {_SUMS} FROM rolled_links AS l JOIN rolled_facts AS f USING (no) GROUP BY 1, 2) AS b "
        "JOIN rolled_parents AS p USING (base) GROUP BY 1, 2, 3, 4"
    )
    kinds = ", ".join(f"({number}, f.{name})" for number, name in enumerate(sketches.NAMES))
    cursor.execute(
        "INSERT INTO rolled_entries SELECT p.tenant_id, p.shape, b.minute, p.series_id, b.kind, b.slot, sum(b.n) FROM "  # noqa: S608
        "(SELECT l.base, f.minute, k.kind, k.slot, count(*) AS n FROM rolled_links AS l JOIN rolled_facts AS f USING (no) "
        f"CROSS JOIN LATERAL (VALUES {kinds}) AS k (kind, slot) WHERE k.slot IS NOT NULL GROUP BY 1, 2, 3, 4) AS b "
        "JOIN rolled_parents AS p USING (base) GROUP BY 1, 2, 3, 4, 5, 6"
    )
    with_steps = _codes(shape for shape in SHAPES if shape.has_steps)
    slot = sketches.bucket_sql("e.value::double precision")
    cursor.execute(
        "INSERT INTO rolled_steps SELECT p.tenant_id, p.shape, b.minute, p.series_id, b.step, b.slot, sum(b.n), sum(b.us) FROM "  # noqa: S608
        f"(SELECT l.base, f.minute, left(e.key, 24) AS step, {slot} AS slot, count(*) AS n, sum(e.value::bigint) AS us "
        "FROM rolled_facts AS f JOIN rolled_links AS l USING (no) "
        f"JOIN dashboards_series AS s ON s.id = l.base AND s.shape = {CUBE.code} "
        "CROSS JOIN LATERAL jsonb_each_text(f.steps) AS e GROUP BY 1, 2, 3, 4) AS b "
        f"JOIN rolled_parents AS p ON p.base = b.base AND p.shape IN ({with_steps}) GROUP BY 1, 2, 3, 4, 5, 6"
    )


def _codes(shapes: Iterable[Shape]) -> str:
    return ", ".join(str(shape.code) for shape in shapes)


def _of_level(level: Level, table: str, *, has_steps: bool = False) -> str:
    """SQL: FROM and WHERE of what was folded for the level's shapes, with the tenants' zones where days are theirs."""
    wanted = _codes(shape for shape in SHAPES if level in shape.levels and (shape.has_steps or not has_steps))
    zones = " JOIN dashboards_calendar AS z ON z.tenant_id = x.tenant_id" if level is Level.DAY else ""
    return f"FROM {table} AS x{zones} WHERE x.shape IN ({wanted})"


def _packed(condition: str = "") -> str:
    """SQL: entries of a sketch from (slot, n). A count beyond 20 bits becomes several entries; there are none such in one run."""
    return f"array_agg(slot << {sketches.COUNT_BITS} | n::int ORDER BY slot){condition}"


def _appended(table: str, name: str) -> str:
    """SQL: a row's sketch with the new entries, compacted if that is long."""
    both = f"{table}.{name} || EXCLUDED.{name}"
    return (
        f"{name} = CASE WHEN cardinality({table}.{name}) + cardinality(EXCLUDED.{name}) > {sketches.COMPACT_FROM} "
        f"THEN dashboards_compacted({both}) ELSE {both} END"
    )


def _add_cells(cursor: Any, level: Level) -> None:
    key = f"x.tenant_id, x.shape, {_BUCKETS[level]} AS bucket, x.series_id"
    arrays = ", ".join(
        f"{_packed(f' FILTER (WHERE kind = {number})')} AS {name}" for number, name in enumerate(sketches.NAMES)
    )
    added = ", ".join(f"{name} = nullif(coalesce(c.{name}, 0) + coalesce(EXCLUDED.{name}, 0), 0)" for name in NAMES)
    appended = ", ".join(_appended("c", name) for name in sketches.NAMES)
    cursor.execute(
        f"WITH sums AS (SELECT {key}, {_SUMS} {_of_level(level, 'rolled_cells')} GROUP BY 1, 2, 3, 4), "  # noqa: S608
        f"entries AS (SELECT {key}, x.kind, x.slot, least(sum(x.n), {sketches.MOST}) AS n {_of_level(level, 'rolled_entries')} "
        f"GROUP BY 1, 2, 3, 4, 5, 6), "
        f"arrays AS (SELECT {_CELL}, {arrays} FROM entries GROUP BY 1, 2, 3, 4) "
        f"INSERT INTO dashboards_cell AS c (level, {_CELL}, {_NAMES}, {_SKETCHES}) "
        f"SELECT {int(level)}, {_CELL}, {_NAMES}, {_SKETCHES} FROM sums LEFT JOIN arrays USING ({_CELL}) "
        f"ON CONFLICT (level, {_CELL}) DO UPDATE SET {added}, {appended}"
    )


def _add_steps(cursor: Any, level: Level) -> None:
    key = f"x.tenant_id, x.shape, {_BUCKETS[level]} AS bucket, x.series_id, x.step"
    cursor.execute(
        f"WITH entries AS (SELECT {key}, x.slot, least(sum(x.n), {sketches.MOST}) AS n, sum(x.us) AS us "  # noqa: S608
        f"{_of_level(level, 'rolled_steps', has_steps=True)} GROUP BY 1, 2, 3, 4, 5, 6) "
        f"INSERT INTO dashboards_step AS c (level, {_CELL}, step, n, total_us, took) "
        f"SELECT {int(level)}, {_CELL}, step, sum(n), sum(us), {_packed()} FROM entries GROUP BY {_CELL}, step "
        f"ON CONFLICT (level, {_CELL}, step) DO UPDATE SET n = c.n + EXCLUDED.n, total_us = c.total_us + EXCLUDED.total_us, "
        f"{_appended('c', 'took')}"
    )
