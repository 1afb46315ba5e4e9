"""SQL of votes and judgements as what each adds to the counts: asked by `counting`, added up by `days`.

A score's row also says how long the answer was: by bands, each twice as long as the one before. Of an answer with several votes the
majority stands beside its score; a tie says nothing.
"""

from __future__ import annotations

VOTES, SCORES, BOTH = "votes", "scores", "both"
LABELS = ("task", "model", "provider", "tags")
COLUMNS = {
    VOTES: ("up", "down"),
    SCORES: ("good", "judged", "invalid", "points", "squares"),
    BOTH: ("good_up", "good_down", "bad_up", "bad_down"),
}
ALL = tuple(name for names in COLUMNS.values() for name in names)
BANDS = (250, 500, 1000, 2000, 4000)  # characters from which on the next one counts
ALL_LENGTHS = -1  # the band of sums that keep none apart

# Spans of time come from a table, so PostgreSQL takes each to be a ninth of everything, and would read all votes for today's.
BY_INDEX = "SET LOCAL enable_seqscan = off"
AS_USUAL = "SET LOCAL enable_seqscan = on"

_BAND = f"width_bucket(r.answer_characters, ARRAY[{', '.join(map(str, BANDS))}])"
_KEYS = "p.tenant_id, p.zone, p.day"
_VOTES = (
    "{spans} AS p JOIN gateway_feedback AS r "
    "ON r.tenant_id = p.tenant_id AND r.asked_at >= p.begins AND r.asked_at < p.ends AND r.matched_at IS NOT NULL"
)
_SCORES = (
    "{spans} AS p JOIN gateway_judgement AS r ON r.tenant_id = p.tenant_id AND r.answered_at >= p.begins AND r.answered_at < p.ends "
    "AND r.status IN ('scored', 'invalid') AND (%(with_self)s OR NOT r.is_self)"
)
# From the votes to the scores, by the scores' index: a vote's time and its score's are one, that of the request.
_BOTH = (
    "(SELECT p.tenant_id, p.zone, p.day, r.request_id, sum(CASE r.rating WHEN 'up' THEN 1 ELSE -1 END) AS lean "  # noqa: S608
    f"FROM {_VOTES} GROUP BY 1, 2, 3, 4) AS p JOIN gateway_judgement AS r ON r.tenant_id = p.tenant_id AND r.request_id = p.request_id "
    "AND p.lean <> 0 AND r.status = 'scored' AND (%(with_self)s OR NOT r.is_self)"
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


def rows(part: str, spans: str) -> str:
    """A SELECT of one part's rows: tenant_id, zone, day, at, the labels, band, and the part's columns. `spans`: a relation of spans of time
    (tenant_id, begins, ends, zone, day), those of one zone without overlap. The parameter `with_self`: also scores that models gave
    themselves.
    """
    labels = ", ".join(f"r.{name}" for name in LABELS)
    at, band = ("asked_at", str(ALL_LENGTHS)) if part == VOTES else ("answered_at", _BAND)
    return f"SELECT {_KEYS}, r.{at} AS at, {labels}, {band} AS band, {_SAID[part]} FROM {_FROM[part].replace('{spans}', spans)}"  # noqa: S608
