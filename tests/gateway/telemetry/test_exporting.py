"""Traces reach a collector over its protocol, whole and once; one that is away gets them later, and holds nothing up."""

from __future__ import annotations

import datetime as dt
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest
from django.utils import timezone
from django_redis import get_redis_connection
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from gateway import content_policies, drain, trace_exports
from gateway.content import sealing
from gateway.content.sealing import Content
from gateway.models import Provider, RequestContent, TraceExport
from gateway.stores.usage_record import Trail, UsageRecord
from gateway.telemetry import collector as collecting
from gateway.telemetry import exporting
from tenants.models import Tenant
from tests.gateway.test_drain import make_record, put

pytestmark = pytest.mark.django_db


class Collector:
    """An OTLP receiver, as much of one as speaks HTTP and protobuf."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.headers: list[Any] = []
        self.statuses: list[int] = []
        self.status = 200
        self.poison = b""  # what has this in it is refused for good
        self.breaks_off_after = 1_000_000
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                is_gone = len(collector.statuses) >= collector.breaks_off_after
                is_poisoned = collector.poison and collector.poison in body
                status = 401 if is_gone else 400 if is_poisoned else collector.status
                collector.statuses.append(status)
                if status == 200:
                    collector.bodies.append(body)
                    collector.headers.append((self.path, dict(self.headers)))
                self.send_response(status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def spans(self) -> list[Any]:
        requests = [ExportTraceServiceRequest.FromString(body) for body in self.bodies]
        return [
            span for request in requests for resource in request.resource_spans for scope in resource.scope_spans for span in scope.spans
        ]  # fmt: skip

    def resource(self) -> dict[str, Any]:
        return said(ExportTraceServiceRequest.FromString(self.bodies[0]).resource_spans[0].resource.attributes)


def said(attributes: Any) -> dict[str, Any]:
    def value(given: Any) -> Any:
        kind = given.WhichOneof("value")
        return [value(item) for item in given.array_value.values] if kind == "array_value" else getattr(given, kind)

    return {item.key: value(item.value) for item in attributes}


@pytest.fixture
def collector(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    made = Collector()
    settings.OTEL_TRACES = True
    settings.OTEL_CONTENT = False
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", made.url)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20abc")
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def tenant() -> Tenant:
    tenant = Tenant.objects.create(name="Acme", slug=f"acme-{uuid4().hex[:8]}")
    Provider.objects.create(tenant=tenant, name="p", kind="anthropic", credential="sk-x")
    return tenant


def logged(tenant: Tenant, *records: UsageRecord) -> None:
    put(*records)
    drain.drain(get_redis_connection("default"), tenant.pk)


def export() -> int:
    return exporting.export(timezone.now(), to=collecting.Collector())


def two_calls(tenant: Tenant, **last: Any) -> tuple[UsageRecord, UsageRecord]:
    first = make_record(
        tenant.pk, outcome="upstream_error", status=504, error_type="upstream_timeout", error_message="too late", is_final=False,
        model_served="m1", input_tokens=0, output_tokens=0, cache_read_tokens=0, cache_write_5m_tokens=0, cache_write_1h_tokens=0,
        reasoning_tokens=0, cost_nanousd=0, usage_source="none", latency_ms=2000.0, steps_us={"reserve": 1000, "provider": 2_000_000},
        finish_reason="",
    )  # fmt: skip
    values: dict[str, Any] = {
        "id": UUID(int=first.request_id.int | 2), "request_id": first.request_id, "attempt": 2, "accepted_ms": first.accepted_ms,
        "is_stream": True, "latency_ms": 3001.0, "ttft_ms": 2501.0, "steps_us": {"first_byte": 500_000, "stream": 500_000},
        "trail": Trail(rule="Fast ones", reason="if the one before fails"), "model_asked": "task/x", "output_cap": 700,
    }  # fmt: skip
    return first, make_record(tenant.pk, **{**values, **last})


def test_a_request_is_a_span_with_a_child_for_each_call(collector: Collector, tenant: Tenant):
    first, last = two_calls(tenant)
    logged(tenant, first, last)
    assert export() == 1
    whole, failed, answered = collector.spans()
    assert (whole.name, failed.name, answered.name) == ("chat task/x", "chat m1", "chat m")
    assert {span.trace_id for span in (failed, answered)} == {whole.trace_id}
    assert (failed.parent_span_id, answered.parent_span_id, whole.parent_span_id) == (whole.span_id, whole.span_id, b"")
    began = first.accepted_ms * 10**6
    assert [(span.start_time_unix_nano - began, span.end_time_unix_nano - began) for span in (whole, failed, answered)] == [
        (0, 3_001_000_000), (1_000_000, 2_001_000_000), (2_001_000_000, 3_001_000_000),
    ]  # fmt: skip
    assert said(answered.attributes) == {
        "gen_ai.operation.name": "chat", "gen_ai.provider.name": "anthropic", "gen_ai.request.model": "m", "gen_ai.response.model": "m",
        "gen_ai.request.stream": True, "gen_ai.request.max_tokens": 700, "gen_ai.response.finish_reasons": ["end_turn"],
        "gen_ai.response.time_to_first_chunk": pytest.approx(0.5), "gen_ai.usage.input_tokens": 1000, "gen_ai.usage.output_tokens": 20,
        "gen_ai.usage.cache_read.input_tokens": 600, "gen_ai.usage.cache_creation.input_tokens": 150,
        "gen_ai.usage.reasoning.output_tokens": 5, "tollgate.attempt": 2, "tollgate.attempt.reason": "if the one before fails",
        "tollgate.cost_usd": pytest.approx(1.234567891), "tollgate.usage_source": "reported",
    }  # fmt: skip
    assert (failed.status.code, failed.status.message, said(failed.attributes)["error.type"]) == (
        2, "too late", "upstream_timeout",
    )  # fmt: skip
    told = said(whole.attributes)
    assert (told["tollgate.request_id"], told["tollgate.tenant"], told["tollgate.rule"]) == (
        f"req_{first.request_id.hex}", tenant.slug, "Fast ones",
    )  # fmt: skip
    assert not [name for name in told if name.startswith("gen_ai.")]
    assert collector.resource()["service.name"] == "tollgate"
    path, headers = collector.headers[0]
    assert (path, headers["Authorization"] if "Authorization" in headers else headers["authorization"]) == (
        "/v1/traces", "Bearer abc",
    )  # fmt: skip


def test_a_caller_s_trace_goes_on_and_its_wish_not_to_be_sampled_is_kept(collector: Collector, tenant: Tenant):
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    logged(tenant, make_record(tenant.pk, trail=Trail(traceparent=parent)))
    export()
    whole, call = collector.spans()
    assert (whole.trace_id.hex(), whole.parent_span_id.hex()) == (
        "0af7651916cd43dd8448eb211c80319c",
        "b7ad6b7169203331",
    )
    assert call.trace_id == whole.trace_id
    logged(tenant, make_record(tenant.pk, trail=Trail(traceparent=parent[:-2] + "00")))
    assert export() == 1
    assert len(collector.spans()) == 2
    logged(tenant, make_record(tenant.pk, trail=Trail(traceparent="00-" + "0" * 32 + "-b7ad6b7169203331-01")))
    export()
    assert collector.spans()[2].parent_span_id == b""


def test_what_a_cache_answered_is_one_span(collector: Collector, tenant: Tenant):
    logged(tenant, make_record(tenant.pk, cache="hit", usage_source="none"))
    export()
    (span,) = collector.spans()
    assert said(span.attributes)["tollgate.cache"] == "hit"


@pytest.mark.parametrize("status", [401, 404, 500])
def test_a_collector_that_is_away_gets_them_later_under_the_same_ids(collector: Collector, tenant: Tenant, status: int):
    logged(tenant, make_record(tenant.pk), make_record(tenant.pk))
    collector.status = status
    with pytest.raises(exporting.NotTaken):
        export()
    assert collector.statuses == [status]
    assert TraceExport.objects.filter(tenant=tenant).count() == 2
    collector.status = 200
    assert export() == 2
    assert export() == 0
    assert TraceExport.objects.filter(tenant=tenant).count() == 0
    assert len(collector.spans()) == 4


def test_what_is_refused_for_good_holds_up_nothing_and_is_counted(
    collector: Collector, tenant: Tenant, django_capture_on_commit_callbacks: Any
):
    redis = get_redis_connection("default")
    before = trace_exports.dropped(redis)
    records = [make_record(tenant.pk) for _ in range(7)]
    logged(tenant, *records)
    collector.poison = b"req_" + records[4].request_id.hex.encode()
    with django_capture_on_commit_callbacks(execute=True):
        assert export() == 7
    arrived = {said(span.attributes).get("tollgate.request_id") for span in collector.spans()} - {None}
    assert arrived == {f"req_{record.request_id.hex}" for record in records if record is not records[4]}
    assert len(collector.spans()) == 12  # each of them once
    assert not TraceExport.objects.filter(tenant=tenant).exists()
    assert trace_exports.dropped(redis) == {**before, "refused": before["refused"] + 1}


def test_of_a_batch_that_cannot_be_sent_to_its_end_all_wait_and_nothing_is_counted(
    collector: Collector, tenant: Tenant, django_capture_on_commit_callbacks: Any, monkeypatch: pytest.MonkeyPatch
):
    redis = get_redis_connection("default")
    before = trace_exports.dropped(redis)
    records = [make_record(tenant.pk), make_record(tenant.pk)]
    logged(tenant, *records)
    collector.poison = b"req_" + records[0].request_id.hex.encode()
    collector.breaks_off_after = 2  # the whole batch and the first half are refused; then it is gone
    with django_capture_on_commit_callbacks(execute=True), pytest.raises(exporting.NotTaken):
        export()
    assert collector.statuses == [400, 400, 401]
    assert TraceExport.objects.filter(tenant=tenant).count() == 2
    assert trace_exports.dropped(redis) == before


def test_what_has_waited_for_a_day_is_given_up_and_counted(
    tenant: Tenant, collector: Collector, django_capture_on_commit_callbacks: Any
):
    redis = get_redis_connection("default")
    before = trace_exports.dropped(redis)
    logged(tenant, make_record(tenant.pk))
    mine, now = TraceExport.objects.filter(tenant=tenant), timezone.now()
    with django_capture_on_commit_callbacks(execute=True):
        trace_exports.forget(now)
    assert mine.count() == 1
    with django_capture_on_commit_callbacks(execute=True):
        given_up = trace_exports.forget(now + dt.timedelta(hours=25))
    assert (mine.count(), given_up >= 1) == (0, True)
    assert trace_exports.dropped(redis)["late"] - before["late"] >= given_up


def test_a_record_that_comes_twice_is_exported_once(collector: Collector, tenant: Tenant):
    record = make_record(tenant.pk)
    logged(tenant, record)
    logged(tenant, record)
    assert export() == 1
    assert len(collector.spans()) == 2


def test_nothing_is_noted_where_there_is_no_collector(collector: Collector, tenant: Tenant, settings: Any):
    settings.OTEL_TRACES = False
    logged(tenant, make_record(tenant.pk))
    assert not TraceExport.objects.filter(tenant=tenant).exists()


@pytest.mark.parametrize("is_wanted", [False, True])
def test_what_was_said_goes_along_only_where_that_is_set(
    collector: Collector, tenant: Tenant, settings: Any, monkeypatch: pytest.MonkeyPatch, is_wanted: bool
):
    settings.OTEL_CONTENT = is_wanted
    monkeypatch.setattr(exporting, "CONTENT_SECONDS", 0)
    record = make_record(tenant.pk)
    logged(tenant, record)
    policy = content_policies.of(tenant)
    content_policies.save(policy)
    content = Content(
        '{"messages": [{"role": "user", "content": "Hi"}]}',
        '{"role": "assistant", "content": [{"type": "text", "text": "Yo"}]}',
    )
    RequestContent.objects.create(
        id=record.request_id, tenant=tenant, accepted_at=timezone.now(), prompt_bytes=1, answer_bytes=1, is_cut=False,
        sealed=sealing.close(policy.secret, content),
    )  # fmt: skip
    export()
    told = said(collector.spans()[1].attributes)
    if not is_wanted:
        assert "gen_ai.input.messages" not in told
        return
    assert json.loads(told["gen_ai.input.messages"]) == [{"role": "user", "parts": [{"type": "text", "content": "Hi"}]}]
    assert msgspec.json.decode(told["gen_ai.output.messages"]) == [
        {"role": "assistant", "parts": [{"type": "text", "content": "Yo"}], "finish_reason": "end_turn"}
    ]
