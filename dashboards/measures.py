"""What is counted and added up of every record: the one list that rollups, questions to the raw log and results are made from.

A measure is the SQL of one record's contribution: `r` is a row of the request log, `q` what belongs to its request besides (see
`dashboards.facts`), NULL is nothing. Sums are exact: integers, and NUMERIC for money. What depends on a whole request (its latency, its
cost over all attempts) is counted at its final record.
"""

from __future__ import annotations

from dataclasses import dataclass

from dashboards import errors

SLOW_MS = 5000  # real-time use ends here

HELD = "r.usage_source = 'held'"  # stands in for a record that may still come: never measured, only charged
# Requests that were let in and ended: what a refusal takes, or a process that died, says nothing of how long answers take.
TIMED = f"r.is_final AND r.outcome NOT IN ('refused', 'abandoned') AND NOT {HELD}"
_AGAIN = f"r.attempt > 1 AND NOT {HELD}"


@dataclass(frozen=True)
class Measure:
    """`name` is its column in the rollups."""

    name: str
    value: str
    type: str = "bigint"

    @property
    def is_count(self) -> bool:
        """Whether a record adds 1 at most, so that an int holds the sum of a batch."""
        return self.value.endswith("THEN 1 END")


def _count(name: str, condition: str) -> Measure:
    return Measure(name, f"CASE WHEN {condition} THEN 1 END")


def _usd(name: str, value: str) -> Measure:
    return Measure(name, f"nullif({value}, 0)", "numeric(30,9)")


def _tokens(name: str, value: str) -> Measure:
    return Measure(name, f"nullif({value}, 0)")


# What each saving layer saved, as far as the log has it. A column that the log gets is named here, and nowhere else.
SAVED = {
    "saved_exact_usd": "CASE WHEN r.cache = 'hit' THEN r.saved_usd END",
    "saved_semantic_usd": "CASE WHEN r.cache = 'semantic' THEN r.saved_usd END",
    "saved_prefix_usd": "r.prefix_saved_usd",
    "saved_cascade_usd": "0",
}
_CACHE = {
    "cache_hits": "hit",
    "cache_semantic": "semantic",
    "cache_stale": "stale",
    "cache_misses": "miss",
    "cache_bypassed": "bypass",
    "cache_repeats": "repeat",
}

# Steps of the pipeline whose time is added up, of requests that were let in and ended; of several calls, the last one's.
STEPS = (
    "authenticate",
    "validate",
    "context",
    "prefix",
    "fingerprint",
    "route",
    "reserve",
    "flight",
    "semantic",
    "prepare",
    "provider",
    "first_byte",
    "stream",
    "process",
    "judge",
    "pause",
)
UPSTREAM_STEPS = (
    "provider",
    "first_byte",
    "stream",
    "pause",
    "flight",
)  # waiting, for a provider or for another request
OWN_US = " + ".join(f"coalesce((r.steps_us->>'{step}')::bigint, 0)" for step in STEPS if step not in UPSTREAM_STEPS)

MEASURES: tuple[Measure, ...] = (
    _count("requests", "r.is_final"),
    _count("answered", "r.is_final AND r.outcome = 'ok'"),
    _count("client_left", "r.is_final AND r.outcome = 'client_left'"),
    _count("errors", "r.is_final AND k.error <> ''"),
    *(_count(f"errors_{kind}", f"r.is_final AND k.error = '{kind}'") for kind in errors.ALL),
    _count(
        "calls", "r.attempt > 0 AND r.cache NOT IN ('hit', 'semantic')"
    ),  # what a cache answers is counted as attempt 1
    _count("failed_calls", "r.attempt > 0 AND r.outcome IN ('upstream_error', 'cut')"),
    _count("retries", f"{_AGAIN} AND NOT r.opens_model"),
    _count("fallbacks", f"{_AGAIN} AND r.opens_model AND q.was_escalated IS NOT TRUE"),
    _count("escalations", "r.outcome = 'escalated'"),
    *(_count(name, f"r.is_final AND r.cache = '{layer}'") for name, layer in _CACHE.items()),
    _count("timed", TIMED),
    _count("slow", f"{TIMED} AND r.latency_ms > {SLOW_MS}"),
    Measure("latency_us", f"CASE WHEN {TIMED} THEN round(r.latency_ms * 1000)::bigint END"),
    _tokens("input_tokens", "r.input_tokens"),
    _tokens("cache_read_tokens", "r.cache_read_tokens"),
    _tokens("cache_write_tokens", "r.cache_write_5m_tokens + r.cache_write_1h_tokens"),
    _tokens("output_tokens", "r.output_tokens"),
    _tokens("reasoning_tokens", "r.reasoning_tokens"),
    _tokens("context_tokens_before", "CASE WHEN r.is_final THEN r.context_tokens_before END"),
    _tokens("context_tokens_after", "CASE WHEN r.is_final THEN r.context_tokens_after END"),
    _usd("cost_usd", "r.cost_usd"),
    *(_usd(name, value) for name, value in SAVED.items()),
    _count("estimated", "r.usage_source IN ('estimated', 'held')"),
    _count("unpriced", "NOT r.is_priced"),
    *(_tokens(f"step_{step}_us", f"CASE WHEN {TIMED} THEN (r.steps_us->>'{step}')::bigint END") for step in STEPS),
)
NAMES = tuple(measure.name for measure in MEASURES)
