"""How requests go wrong, as dashboards tell it: the one table that maps a record to a kind of error.

Rollups keep the kind, so what is changed here holds for what is rolled up afterwards; `manage.py rebuild_rollups` applies it to what was
before.
"""

from __future__ import annotations

import re

RATE_LIMIT, TIMEOUT, CONTENT_FILTER, MODEL, PROVIDER, BUDGET, REQUEST, TOLLGATE = (
    "rate_limit",
    "timeout",
    "content_filter",
    "model",
    "provider",
    "budget",
    "request",
    "tollgate",
)

_CONTENT_CODES = ("content_filter", "content_policy_violation", "content_policy")
_BUDGET_CODES = ("budget_spent", "budget_held", "cached_answers_only", "request_too_expensive")
_PACE_CODES = ("rate_limit_exceeded", "concurrency_exceeded", "tokens_per_minute_held", "exceeds_tokens_per_minute")
_MODEL_CODES = (
    "model_cannot",
    "model_unpriced",
    "quality_too_low",
    "input_too_long",
    "output_too_long",
    "untranslatable",
    "unsupported",
)


def _in(column: str, values: tuple[str, ...]) -> str:
    return f"{column} IN ({', '.join(repr(value) for value in values)})"


# The first condition that holds decides. `r` is a row of the request log. Providers' own codes are many, so their errors go by status.
KINDS: tuple[tuple[str, str], ...] = (
    ("", _in("r.outcome", ("client_left", "escalated"))),
    (CONTENT_FILTER, _in("r.finish_reason", ("content_filter", "refusal"))),  # also as an answer that says so
    ("", "r.outcome = 'ok'"),
    (CONTENT_FILTER, f"r.outcome = 'upstream_error' AND {_in('r.error_type', _CONTENT_CODES)}"),
    (BUDGET, f"r.outcome = 'refused' AND {_in('r.error_type', _BUDGET_CODES)}"),
    (RATE_LIMIT, f"r.outcome = 'refused' AND {_in('r.error_type', _PACE_CODES)}"),
    (MODEL, f"r.outcome = 'refused' AND {_in('r.error_type', _MODEL_CODES)}"),
    (TOLLGATE, "r.outcome = 'refused' AND r.status >= 500"),  # Redis or PostgreSQL could not be reached
    (REQUEST, "r.outcome = 'refused'"),
    (RATE_LIMIT, "r.outcome = 'upstream_error' AND r.status = 429"),
    (TIMEOUT, "r.outcome = 'upstream_error' AND r.status IN (408, 504)"),
    # It found fault with the request: too long, a parameter that it does not take.
    (MODEL, "r.outcome = 'upstream_error' AND r.status < 500"),
    (PROVIDER, _in("r.outcome", ("upstream_error", "cut"))),
    (TOLLGATE, "TRUE"),  # internal_error, and abandoned: its process died
)
ALL = (RATE_LIMIT, TIMEOUT, CONTENT_FILTER, MODEL, PROVIDER, BUDGET, REQUEST, TOLLGATE)

KIND_SQL = "CASE " + " ".join(f"WHEN {condition} THEN '{kind}'" for kind, condition in KINDS) + " END"


def matching_sql(kinds: list[str], table: str) -> str:
    """SQL: whether a row of `table`, the request log, is of one of the kinds."""
    wanted = ", ".join(f"'{kind}'" for kind in kinds if kind in ALL)
    return re.sub(r"\br\.", f"{table}.", f"({KIND_SQL}) IN ({wanted or 'NULL'})")
