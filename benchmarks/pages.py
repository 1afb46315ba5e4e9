"""What each page of the dashboards asks for: the questions whose time `make bench-dashboards` measures, and whose plans a test holds."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from dashboards import forecast, metrics, quality, ranges, requests, savings, scopes, steps, users
from dashboards.filters import Filters
from dashboards.reading import View
from tenants.models import Tenant

LATENCY = ("latency_p50", "latency_p95", "latency_p99", "ttft_p50", "ttft_p95", "speed_p50", "slow_share", "requests")
COST = (
    "cost_usd",
    "cost_per_request",
    "cost_p50",
    "cost_p95",
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "requests",
)
ERRORS = (
    "requests", "errors", "error_rate", "errors_rate_limit", "errors_timeout", "errors_content_filter", "errors_model", "errors_provider",
    "errors_budget", "errors_request", "errors_tollgate", "fallbacks", "retries", "failed_calls", "calls",
)  # fmt: skip
CACHE = (
    "hit_rate",
    "exact_hit_rate",
    "semantic_hit_rate",
    "prefix_hit_rate",
    "cache_hits",
    "cache_semantic",
    "cache_misses",
    "saved_usd",
)
Question = Callable[[View], object]


@dataclass(frozen=True)
class Page:
    name: str
    questions: tuple[Question, ...]


def overview(view: View) -> None:
    names = (*LATENCY, "cost_usd", "error_rate", "hit_rate", "saved_usd")
    metrics.totals(view, names)
    metrics.totals(View(view.scope, view.range.previous(), view.filters), names)


PAGES = (
    Page(
        "overview",
        (
            overview,
            lambda view: metrics.chart(view, ("requests", "errors", "cost_usd", "latency_p95")),
            lambda view: metrics.chart(view, ("cost_usd", "requests"), by="model", order="cost_usd"),
            users.users,
        ),
    ),
    Page(
        "latency",
        (
            lambda view: metrics.totals(view, LATENCY),
            lambda view: metrics.chart(view, LATENCY),
            lambda view: metrics.chart(view, ("latency_p95",), by="model"),
            lambda view: metrics.table(view, "task", LATENCY),
            lambda view: metrics.table(view, "endpoint", LATENCY),
            steps.breakdown,
        ),
    ),
    Page(
        "cost",
        (
            lambda view: metrics.totals(view, COST),
            lambda view: metrics.chart(view, ("cost_usd",), by="model", order="cost_usd"),
            lambda view: metrics.table(view, "key", COST, order="cost_usd"),
            lambda view: metrics.table(view, "feature", ("cost_usd", "requests"), order="cost_usd"),
            lambda view: users.users(view, leaders=20),
            savings.savings,
        ),
    ),
    Page(
        "errors",
        (
            lambda view: metrics.totals(view, ERRORS),
            lambda view: metrics.chart(view, ERRORS),
            lambda view: metrics.table(view, "error", ("requests",), then=("error_type", "status")),
            lambda view: metrics.table(view, "model", ERRORS, order="calls", then=("provider",)),
        ),
    ),
    Page(
        "cache",
        (
            lambda view: metrics.totals(view, CACHE),
            lambda view: metrics.chart(view, CACHE),
            lambda view: metrics.table(view, "task", CACHE),
            savings.savings,
        ),
    ),
    Page("requests", (requests.page, lambda view: metrics.chart(view, ("requests", "errors")))),
)
QUALITY = Page("quality", (quality.known, quality.last_weeks, quality.by_length))  # of tasks, models, providers, tags
OPERATOR = Page(
    "operator",
    (
        overview,
        lambda view: metrics.chart(view, ("requests", "cost_usd"), by="tenant", order="cost_usd"),
        lambda view: metrics.table(view, "tenant", ("cost_usd", "requests", "error_rate"), order="cost_usd", limit=20),
        lambda view: metrics.chart(view, ("failed_call_rate", "calls"), by="provider", order="calls"),
    ),
)


def month_outlook(tenant: Tenant, now: dt.datetime) -> Page:
    return Page("month's forecast", (lambda _view: forecast.month(tenant, now),))


def views(tenant: Tenant, now: dt.datetime) -> dict[str, View]:
    """What a person looks at: presets, narrowed down or not."""
    scope, zone = scopes.of_tenant(tenant), ZoneInfo(tenant.timezone)
    one = Filters(task=("chat-support",))
    two = Filters(task=("chat-support",), model=("claude-sonnet-5-5",), stream=("true",))
    return {
        "24h": View(scope, ranges.preset("24h", now, zone)),
        "7d": View(scope, ranges.preset("7d", now, zone)),
        "30d": View(scope, ranges.preset("30d", now, zone)),
        "90d": View(scope, ranges.preset("90d", now, zone)),
        "7d, one task": View(scope, ranges.preset("7d", now, zone), one),
        "30d, one task": View(scope, ranges.preset("30d", now, zone), one),
        "30d, task, model, streams": View(scope, ranges.preset("30d", now, zone), two),
    }


def views_across(now: dt.datetime) -> dict[str, View]:
    scope, zone = scopes.across_tenants(reason="benchmark"), ZoneInfo(scopes.UTC)
    return {name: View(scope, ranges.preset(name, now, zone)) for name in ("24h", "7d", "30d", "90d")}
