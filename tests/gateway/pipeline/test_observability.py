"""What is laid by and added up is what one by one would have been."""

from __future__ import annotations

from uuid import UUID

from prometheus_client import REGISTRY, CollectorRegistry, Histogram

from gateway.pipeline import observability
from gateway.stores.usage_record import UsageRecord


def ended(endpoint: str, **fields: object) -> UsageRecord:
    return UsageRecord(  # type: ignore[call-overload, no-any-return]
        id=UUID(int=1),
        request_id=UUID(int=0),
        attempt=1,
        accepted_ms=0,
        tenant_id=UUID(int=2),
        api_key_id=UUID(int=3),
        endpoint=endpoint,
        end_user="",
        task="",
        feature="",
        tags=(),
        model_asked="m",
        is_stream=False,
        **{"model_served": "m", "provider": "p-of-tests", "status": 200, "outcome": "ok", **fields},
    )


def told(name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(name, labels)


def test_each_ended_request_is_added_to_its_kind():
    kind = {"endpoint": "test.kinds", "provider": "p-of-tests", "model": "m", "outcome": "ok", "status": "200"}
    for fields in ({"cache": "miss"}, {"cache": "miss", "is_final": False}, {"cache": "hit"}, {}):
        observability.count(ended("test.kinds", input_tokens=3, output_tokens=5, cost_nanousd=7_000_000_000, **fields))
    observability.count(ended("test.kinds", outcome="upstream_error", status=502, error_type="upstream_failed"))
    observability.add_up()
    assert told("tollgate_requests_total", **kind) == 4
    assert told("tollgate_requests_total", **{**kind, "outcome": "upstream_error", "status": "502"}) == 1
    assert told("tollgate_tokens_total", provider="p-of-tests", model="m", direction="input") == 12
    assert told("tollgate_cost_usd_total", provider="p-of-tests", model="m") == 28
    assert told("tollgate_cache_total", endpoint="test.kinds", cache="miss") == 1
    assert told("tollgate_cache_total", endpoint="test.kinds", cache="hit") == 1
    errors = {"endpoint": "test.kinds", "provider": "p-of-tests", "model": "m", "type": "upstream_failed"}
    assert told("tollgate_errors_total", **errors) == 1
    observability.add_up()
    assert told("tollgate_requests_total", **kind) == 4


def test_times_fall_into_the_buckets_that_the_librarys_own_way_puts_them_in():
    times = [0.0, 0.01, 0.010001, 0.3, 5.0, 299.9, 300.0, 300.1, 1e9]
    for seconds in times:
        observability.count(ended("test.times", latency_ms=seconds * 1000))
    observability.add_up()
    registry = CollectorRegistry()
    one_by_one = Histogram("one", "", registry=registry, buckets=observability.LATENCY._upper_bounds)
    for seconds in times:
        one_by_one.observe(seconds)
    for bound in [f"{bound:g}" if bound >= 1e5 else repr(bound) for bound in one_by_one._upper_bounds[:-1]] + ["+Inf"]:
        expected = registry.get_sample_value("one_bucket", {"le": bound})
        assert expected is not None
        assert told("tollgate_request_seconds_bucket", endpoint="test.times", le=bound) == expected
    assert told("tollgate_request_seconds_sum", endpoint="test.times") == registry.get_sample_value("one_sum")
