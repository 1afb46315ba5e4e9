"""Prometheus metrics of the data plane. Counting never fails a request."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

from gateway.stores.usage_record import UsageRecord

REQUESTS = Counter(
    "tollgate_requests_total", "Requests that have ended.", ["endpoint", "provider", "model", "outcome", "status"]
)
TOKENS = Counter("tollgate_tokens_total", "Tokens of ended requests.", ["provider", "model", "direction"])
COST = Counter("tollgate_cost_usd_total", "Provider cost of ended requests, USD.", ["provider", "model"])
LATENCY = Histogram(
    "tollgate_request_seconds",
    "Time from accepting a request to its last byte.",
    ["endpoint"],
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300),
)
TTFT = Histogram(
    "tollgate_first_token_seconds",
    "Time from accepting a request to the first byte of its answer.",
    ["endpoint"],
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
UNAUTHENTICATED = Counter("tollgate_unauthenticated_total", "Requests without a valid key.")
UNSETTLED = Counter("tollgate_unsettled_total", "Requests whose record could not be written to Redis.")
IN_FLIGHT = Gauge("tollgate_in_flight_requests", "Requests under way.", multiprocess_mode="livesum")

_request_series: dict[tuple[str, str, str, str, int], Counter] = {}


def count(record: UsageRecord) -> None:
    """Add an ended request to the metrics."""
    name = (record.endpoint, record.provider, record.model_served, record.outcome, record.status)
    series = _request_series.get(name)
    if series is None:
        series = _request_series[name] = REQUESTS.labels(*map(str, name))
    series.inc()
    LATENCY.labels(record.endpoint).observe(record.latency_ms / 1000)
    if record.ttft_ms is not None:
        TTFT.labels(record.endpoint).observe(record.ttft_ms / 1000)
    if record.provider:
        TOKENS.labels(record.provider, record.model_served, "input").inc(record.input_tokens)
        TOKENS.labels(record.provider, record.model_served, "output").inc(record.output_tokens)
        COST.labels(record.provider, record.model_served).inc(record.cost_nanousd / 1e9)
