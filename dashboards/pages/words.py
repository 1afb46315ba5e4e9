"""What metrics, dimensions, steps and kinds of error are called on the pages, and how values are written.

Exact values are for CSV and for the titles that one sees on hovering; what is written here is rounded for reading.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from dashboards import errors, metrics, savings
from dashboards.metrics import METRICS, Unit, Value
from dashboards.steps import OTHER

NOTHING = "–"

METRIC_NAMES: Mapping[str, Any] = {
    "requests": gettext_lazy("Requests"),
    "errors": gettext_lazy("Errors"),
    "error_rate": gettext_lazy("Error rate"),
    "calls": gettext_lazy("Calls to providers"),
    "failed_calls": gettext_lazy("Failed calls"),
    "failed_call_rate": gettext_lazy("Failed calls, share"),
    "retries": gettext_lazy("Retries"),
    "fallbacks": gettext_lazy("Fallbacks"),
    "escalations": gettext_lazy("Escalations"),
    "slow_share": gettext_lazy("Slower than 5 s"),
    "latency_p50": gettext_lazy("Latency p50"),
    "latency_p95": gettext_lazy("Latency p95"),
    "latency_p99": gettext_lazy("Latency p99"),
    "ttft_p50": gettext_lazy("First token p50"),
    "ttft_p95": gettext_lazy("First token p95"),
    "ttft_p99": gettext_lazy("First token p99"),
    "speed_p5": gettext_lazy("Tokens/s, slowest 5 %"),
    "speed_p50": gettext_lazy("Tokens/s, median"),
    "speed_p95": gettext_lazy("Tokens/s, fastest 5 %"),
    "cost_usd": gettext_lazy("Cost"),
    "cost_per_request": gettext_lazy("Cost per request"),
    "cost_p50": gettext_lazy("Median request"),
    "cost_p95": gettext_lazy("p95 of a request"),
    "input_tokens": gettext_lazy("Input tokens"),
    "output_tokens": gettext_lazy("Output tokens"),
    "hit_rate": gettext_lazy("Hit rate"),
    "exact_hit_rate": gettext_lazy("Exact"),
    "semantic_hit_rate": gettext_lazy("Semantic"),
    "prefix_hit_rate": gettext_lazy("Prefix (of input tokens)"),
    "cache_hits": gettext_lazy("Exact hits"),
    "cache_semantic": gettext_lazy("Semantic hits"),
    "cache_stale": gettext_lazy("Earlier answers, as a last resort"),
    "cache_misses": gettext_lazy("Misses"),
    "cache_bypassed": gettext_lazy("Not asked"),
    "saved_usd": gettext_lazy("Saved"),
    "saved_exact_usd": gettext_lazy("Exact cache"),
    "saved_semantic_usd": gettext_lazy("Semantic cache"),
    "saved_prefix_usd": gettext_lazy("Provider's prefix cache"),
    "saved_cascade_usd": gettext_lazy("Cascade"),
}

ERROR_NAMES: Mapping[str, Any] = {
    errors.RATE_LIMIT: gettext_lazy("Rate limit"),
    errors.TIMEOUT: gettext_lazy("Timeout"),
    errors.CONTENT_FILTER: gettext_lazy("Content filter"),
    errors.MODEL: gettext_lazy("Model cannot"),
    errors.PROVIDER: gettext_lazy("Provider failed"),
    errors.BUDGET: gettext_lazy("Budget spent"),
    errors.REQUEST: gettext_lazy("Faulty request"),
    errors.TOLLGATE: gettext_lazy("Tollgate failed"),
}

DIMENSION_NAMES: Mapping[str, Any] = {
    "task": gettext_lazy("Task"),
    "endpoint": gettext_lazy("Endpoint"),
    "model": gettext_lazy("Model"),
    "provider": gettext_lazy("Provider"),
    "key": gettext_lazy("API key"),
    "end_user": gettext_lazy("End user"),
    "feature": gettext_lazy("Feature"),
    "tag": gettext_lazy("Tag"),
    "prompt": gettext_lazy("Prompt version"),
    "status": gettext_lazy("Status"),
    "error": gettext_lazy("Kind of error"),
    "outcome": gettext_lazy("Outcome"),
    "error_type": gettext_lazy("Error type"),
    "stream": gettext_lazy("Streamed"),
    "cache": gettext_lazy("Cache"),
    "tenant": gettext_lazy("Tenant"),
}

# The value of a dimension that requests have which have none.
WITHOUT: Mapping[str, Any] = {
    "task": gettext_lazy("without a task"),
    "model": gettext_lazy("no model called"),
    "provider": gettext_lazy("no provider called"),
    "end_user": gettext_lazy("without an end user"),
    "feature": gettext_lazy("without a feature"),
    "tag": gettext_lazy("without a tag"),
    "error": gettext_lazy("no error"),
}

STEP_NAMES: Mapping[str, Any] = {
    "authenticate": gettext_lazy("Authenticate"),
    "validate": gettext_lazy("Validate"),
    "context": gettext_lazy("Optimise the context"),
    "prefix": gettext_lazy("Look at the prefix"),
    "fingerprint": gettext_lazy("Fingerprint for the cache"),
    "route": gettext_lazy("Route"),
    "reserve": gettext_lazy("Reserve (limits, budgets, exact cache)"),
    "flight": gettext_lazy("Wait for the same request"),
    "semantic": gettext_lazy("Semantic cache"),
    "prepare": gettext_lazy("Prepare the call"),
    "provider": gettext_lazy("Provider answers"),
    "first_byte": gettext_lazy("Provider's first byte"),
    "stream": gettext_lazy("Stream"),
    "process": gettext_lazy("Process the answer"),
    "judge": gettext_lazy("Judge a cheap answer"),
    "pause": gettext_lazy("Pause before a retry"),
    OTHER: gettext_lazy("Earlier calls, and the rest"),
}

LAYER_NAMES: Mapping[str, Any] = {
    savings.EXACT: gettext_lazy("Exact cache"),
    savings.SEMANTIC: gettext_lazy("Semantic cache"),
    savings.PREFIX: gettext_lazy("Provider's prefix cache"),
    savings.CASCADE: gettext_lazy("Cascade"),
    savings.CONTEXT: gettext_lazy("Context policies"),
}


def metric(name: str) -> str:
    return str(METRIC_NAMES.get(name, name))


def value_name(dimension: str, value: str | None, names: Mapping[str, str]) -> str:
    """A dimension's value for people. `names`: what keys and tenants, which the rollups know by id, are called. None: all others."""
    if value is None:
        return _("all others")
    if value == "":
        return str(WITHOUT.get(dimension, _("none")))
    if dimension == "error":
        return str(ERROR_NAMES.get(value, value))
    if dimension in ("key", "tenant"):
        return names.get(value, _("deleted (%(id)s)") % {"id": value[:8]})
    if dimension == "stream":
        return _("yes") if value == "true" else _("no")
    return value


def written(value: Value, unit: Unit) -> str:
    """Rounded for reading, with its unit."""
    return NOTHING if value is None else _WRITERS[unit](value)


def exact(value: Value, unit: Unit) -> str:
    """Every digit of money and counts, for the title beside `written`; empty if that says it already."""
    if value is None or unit not in (Unit.USD, Unit.COUNT, Unit.TOKENS):
        return ""
    spelled = f"{value:,}" if unit is not Unit.USD else f"${value:,f}"
    return "" if spelled == written(value, unit) else spelled


def change(now: Value, before: Value, unit: Unit) -> str:
    """By how much it is another than in the period before; empty where that says nothing."""
    if now is None or before is None:
        return ""
    if unit is Unit.SHARE:
        points = round(float(now - before) * 100, 1)  # type: ignore[operator]
        return _("%(points)s pts") % {"points": _signed(points)} if points else _("no change")
    if not before:
        return ""
    percent = round(float((now - before) / before) * 100, 1)  # type: ignore[operator]
    return f"{_signed(percent)} %" if percent else _("no change")


def tone(name: str, now: Value, before: Value) -> str:
    """Whether the change is for the better: "good", "warn", or nothing where neither is."""
    is_good = METRICS[name].is_good
    if is_good is None or now is None or before is None or now == before or name == "cost_usd":
        return ""
    return "good" if (now > before) == is_good else "warn"


def plain(value: Value) -> str:
    """For CSV: a plain number with every digit, and nothing for nothing."""
    if value is None:
        return ""
    return f"{value:f}" if isinstance(value, Decimal) else repr(value)


def _signed(number: float) -> str:
    return f"{number:+,.1f}".replace("-", "−").removesuffix(".0")


def _count(value: Any) -> str:
    for size, letter in ((10**9, "G"), (10**6, "M")):
        if abs(value) >= size:
            return f"{value / size:,.2f} {letter}"
    return f"{value:,.0f}"


def _usd(value: Any) -> str:
    amount = abs(Decimal(value))
    sign = "−" if value < 0 else ""
    if not amount:
        return "$0"
    if amount >= 1:
        return f"{sign}${amount:,.2f}"
    digits = max(2, 2 - amount.adjusted())  # three that count
    return f"{sign}${amount:.{digits}f}"


def _ms(value: Any) -> str:
    if value >= 60_000:
        return f"{value / 60_000:,.1f} min"
    if value >= 1000:
        return f"{value / 1000:.2f} s"
    return f"{value:.0f} ms" if value >= 10 else f"{value:.2f} ms"


_WRITERS: Mapping[Unit, Callable[[Any], str]] = {
    Unit.COUNT: _count,
    Unit.TOKENS: _count,
    Unit.SHARE: lambda value: f"{value * 100:,.{2 if 0 < value < 0.01 else 1}f} %".replace("-", "−"),
    Unit.MS: _ms,
    Unit.TOKENS_PER_SECOND: lambda value: f"{value:,.1f}/s",
    Unit.USD: _usd,
    Unit.SCORE: lambda value: f"{value:.2f}",
}
assert set(_WRITERS) == set(metrics.Unit)
