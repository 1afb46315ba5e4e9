"""SQL of votes and judgements as what each adds to the counts: asked by `counting`, added up by `days`.

A score's row also says how long the answer was: by bands, each twice as long as the one before. Of an answer with several votes the
majority stands beside its score; a tie says nothing.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID

VOTES, SCORES, BOTH = "votes", "scores", "both"
LABELS = ("task", "model", "provider", "tags")
COLUMNS = {
    VOTES: ("up", "down"),
    SCORES: ("good", "judged", "invalid", "points", "squares"),
    BOTH: ("good_up", "good_down", "bad_up", "bad_down"),
}
ALL = tuple(name for names in COLUMNS.values() for name in names)
BANDS = (250, 500, 1000, 2000, 4000)  # characters from which on the next one counts
MOST_BOUNDS = 60  # spans of time that are named one by one
ALL_LENGTHS = -1  # the band of sums that keep none apart

_BAND = f"width_bucket(r.answer_characters, ARRAY[{', '.join(map(str, BANDS))}])"
_KEYS = "p.tenant_id, p.zone, p.day"
_VOTES = (
    "{spans} AS p JOIN gateway_feedback AS r "
    "ON r.tenant_id = p.tenant_id AND r.asked_at >= p.begins AND r.asked_at < p.ends AND r.matched_at IS NOT NULL AND {asked}"
)
_SCORES = (
    "{spans} AS p JOIN gateway_judgement AS r ON r.tenant_id = p.tenant_id AND r.answered_at >= p.begins AND r.answered_at < p.ends "
    "AND r.status IN ('scored', 'invalid') AND (%(with_self)s OR NOT r.is_self) AND {answered}"
)
# A vote's time and its score's are one: that of the request.
_BOTH = (
    "(SELECT p.tenant_id, p.zone, p.day, r.request_id, sum(CASE r.rating WHEN 'up' THEN 1 ELSE -1 END) AS lean "  # noqa: S608
    f"FROM {_VOTES} GROUP BY 1, 2, 3, 4) AS p JOIN gateway_judgement AS r ON r.tenant_id = p.tenant_id AND r.request_id = p.request_id "
    "AND p.lean <> 0 AND r.status = 'scored' AND (%(with_self)s OR NOT r.is_self) AND {answered}"
)
_SAID = {
    VOTES: "(r.rating = 'up')::int AS up, (r.rating = 'down')::int AS down",
    SCORES: (
        "coalesce(r.is_good, false)::int AS good, (r.status = 'scored')::int AS judged, (r.status = 'invalid')::int AS invalid, "
        "coalesce(r.score, 0) AS points, coalesce(r.score * r.score, 0) AS squares"
    ),
    BOTH: (
        "(r.is_good AND p.lean > 0)::int AS good_up, (r.is_good AND p.lean < 0)::int AS good_down, "
        "(NOT r.is_good AND p.lean > 0)::int AS bad_up, (NOT r.is_good AND p.lean < 0)::int AS bad_down"
    ),
}
_FROM = {VOTES: _VOTES, SCORES: _SCORES, BOTH: _BOTH}


class Span(NamedTuple):
    """A tenant's time, from `begins` up to `ends`; `zone` and `day`: which day it is, if it is one."""

    tenant_id: UUID
    begins: dt.datetime
    ends: dt.datetime
    zone: str = ""
    day: dt.date | None = None


class Source:
    """Rows of some spans of time; those of one zone do not overlap. `table`: SQL of the spans, for WITH. `parameters` go along."""

    def __init__(self, spans: Sequence[Span], *, with_self: bool) -> None:
        columns = list(zip(*spans, strict=True)) or [(), (), (), (), ()]
        names = ("span_tenants", "span_begins", "span_ends", "span_zones", "span_days")
        self.parameters: dict[str, Any] = dict(zip(names, map(list, columns), strict=True)) | {"with_self": with_self}
        self.table = (
            "spans AS MATERIALIZED (SELECT * FROM unnest(%(span_tenants)s::uuid[], %(span_begins)s::timestamptz[], "
            "%(span_ends)s::timestamptz[], %(span_zones)s::text[], %(span_days)s::date[]) AS of (tenant_id, begins, ends, zone, day))"
        )
        self._bounds = self._bounded(spans)

    def rows(self, part: str) -> str:
        """A SELECT of one part's rows: tenant_id, zone, day, at, the labels, band, and the part's columns."""
        labels = ", ".join(f"r.{name}" for name in LABELS)
        at, band = ("asked_at", str(ALL_LENGTHS)) if part == VOTES else ("answered_at", _BAND)
        source = _FROM[part].replace("{spans}", "spans")
        for name in ("asked", "answered"):
            source = source.replace(f"{{{name}}}", self._bounds.replace("{at}", f"r.{name}_at"))
        return f"SELECT {_KEYS}, r.{at} AS at, {labels}, {band} AS band, {_SAID[part]} FROM {source}"  # noqa: S608

    def _bounded(self, spans: Sequence[Span]) -> str:
        """The spans once more, as constants: of times that come from a table PostgreSQL expects a ninth of everything, and reads it all."""
        tenants: dict[tuple[dt.datetime, dt.datetime], list[UUID]] = {}
        for span in spans:
            tenants.setdefault((span.begins, span.ends), []).append(span.tenant_id)
        if len(tenants) > MOST_BOUNDS:
            whole = min(begins for begins, _ends in tenants), max(ends for _begins, ends in tenants)
            tenants = {whole: sorted({span.tenant_id for span in spans})}
        found = []
        for place, ((begins, ends), ids) in enumerate(tenants.items()):
            self.parameters |= {
                f"bound_tenants{place}": ids,
                f"bound_begins{place}": begins,
                f"bound_ends{place}": ends,
            }
            found.append(
                f"(r.tenant_id = ANY(%(bound_tenants{place})s::uuid[]) AND {{at}} >= %(bound_begins{place})s "
                f"AND {{at}} < %(bound_ends{place})s)"
            )
        return f"({' OR '.join(found)})" if found else "false"
