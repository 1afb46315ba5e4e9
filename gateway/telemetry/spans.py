"""A request of the log as spans, by the semantic conventions for generative AI: one of the gateway's for the request, and a child for each
call of a provider, which carries the `gen_ai.*` attributes. Usage stands at calls only, so that who adds it up counts it once.

Ids are worked out from the request's, so an export that is repeated makes no second trace. A caller's `traceparent` makes the request a
part of the caller's trace; one that is none is passed by, and the sampler (OTEL_TRACES_SAMPLER) honours one that says it is not sampled.
No I/O.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import re
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from opentelemetry import trace
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, Status, StatusCode, TraceFlags

from gateway.content.reading import Read
from gateway.models import RequestLog
from gateway.telemetry import messages

SERVICE = "tollgate"
OPERATIONS = {"chat.completions": "chat", "messages": "chat", "embeddings": "embeddings"}
BEFORE_A_CALL = frozenset(
    {"authenticate", "validate", "context", "route", "prefix", "fingerprint", "reserve", "flight", "embed", "search", "verify", "pause"}
)  # fmt: skip
_PARENT = re.compile(r"^00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})\Z")
Attributes = dict[str, Any]


@dataclass(frozen=True)
class Request:
    """What is known of a request: its rows, first call to last, and the content, where it is stored and is to go along."""

    rows: Sequence[RequestLog]
    tenant: str
    kinds: Mapping[str, str]  # of providers, by name
    content: Read | None = None


class Spans(SpanProcessor):
    """Makes spans with the SDK, which sees to sampling, limits and the resource (OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES)."""

    def __init__(self) -> None:
        self._ids = _Ids()
        named = Resource.create({})
        if str(named.attributes.get(SERVICE_NAME, "")).startswith("unknown_service"):
            named = named.merge(Resource({SERVICE_NAME: SERVICE}))
        provider = TracerProvider(resource=named, id_generator=self._ids, shutdown_on_exit=False)
        provider.add_span_processor(self)
        self._tracer = provider.get_tracer(SERVICE)
        self._made: list[ReadableSpan] = []
        self._lock = threading.Lock()  # one request at a time: the ids are its own

    def on_end(self, span: ReadableSpan) -> None:
        self._made.append(span)

    def of(self, request: Request) -> list[ReadableSpan]:
        """None of a request that is not sampled."""
        with self._lock:
            self._made = []
            self._make(request)
            return self._made

    def _make(self, request: Request) -> None:
        last = request.rows[-1]
        began = last.accepted_at
        self._ids.trace_id, self._ids.span_id = _trace_id(last), _span_id(last, 0)
        whole = self._tracer.start_span(
            f"{_operation(last)} {last.model_asked}".strip(),
            context=_parent(last),
            kind=SpanKind.SERVER,
            start_time=_ns(began),
            attributes=_of_request(request),
        )
        _end(whole, last, began + dt.timedelta(milliseconds=last.latency_ms))
        inside = trace.set_span_in_context(whole)
        offset_us = 0
        for row in request.rows:
            before, steps_us = _microseconds(row)
            start, offset_us = offset_us + before, offset_us + before + steps_us
            if row.attempt and row.cache not in ("hit", "semantic"):
                self._ids.span_id = _span_id(row, row.attempt)
                call = self._tracer.start_span(
                    f"{_operation(row)} {row.model_served or row.model_asked}",
                    context=inside,
                    kind=SpanKind.CLIENT,
                    start_time=_ns(began + dt.timedelta(microseconds=start)),
                    attributes=_of_call(request, row, start),
                )
                _end(call, row, began + dt.timedelta(microseconds=offset_us))


class _Ids(IdGenerator):
    trace_id = 0
    span_id = 0

    def generate_span_id(self) -> int:
        return self.span_id

    def generate_trace_id(self) -> int:
        return self.trace_id


def _digest(*parts: Any) -> bytes:
    return hashlib.sha256(":".join(map(str, parts)).encode()).digest()


def _trace_id(row: RequestLog) -> int:
    """Not the request's id itself: samplers want the last bits random."""
    return int.from_bytes(_digest("trace", row.request_id)[:16], "big") or 1


def _span_id(row: RequestLog, attempt: int) -> int:
    return int.from_bytes(_digest("span", row.request_id, attempt)[:8], "big") or 1


def _parent(row: RequestLog) -> Any:
    found = _PARENT.match((row.trail or {}).get("traceparent", ""))
    if found is None:
        return trace.set_span_in_context(trace.INVALID_SPAN)
    context = SpanContext(
        trace_id=int(found[1], 16), span_id=int(found[2], 16), is_remote=True, trace_flags=TraceFlags(int(found[3], 16) & 1)
    )  # fmt: skip
    return trace.set_span_in_context(NonRecordingSpan(context))


def _ns(at: dt.datetime) -> int:
    since = at - dt.datetime.fromtimestamp(0, dt.UTC)
    return (since.days * 86_400 + since.seconds) * 10**9 + since.microseconds * 1000


def _microseconds(row: RequestLog) -> tuple[int, int]:
    """What of the row's steps came before its call, and what was the call's."""
    before = sum(took for step, took in row.steps_us.items() if step in BEFORE_A_CALL)
    return before, sum(row.steps_us.values()) - before


def _operation(row: RequestLog) -> str:
    return OPERATIONS.get(row.endpoint, row.endpoint)


def _end(span: Any, row: RequestLog, at: dt.datetime) -> None:
    if row.outcome not in ("ok", "escalated", "client_left"):
        span.set_attribute("error.type", row.error_type or row.outcome)
        span.set_status(Status(StatusCode.ERROR, row.error_message or row.get_outcome_display()))
    span.end(end_time=_ns(at))


def _of_request(request: Request) -> Attributes:
    last = request.rows[-1]
    told: Attributes = {
        "tollgate.request_id": str(last),
        "tollgate.tenant": request.tenant,
        "tollgate.api_key_id": str(last.api_key_id),
        "tollgate.endpoint": last.endpoint,
        "tollgate.outcome": last.outcome,
        "tollgate.attempts": len(request.rows),
        "tollgate.cost_usd": float(sum(row.cost_usd for row in request.rows)),
        "http.response.status_code": last.status,
        "enduser.id": last.end_user,
        "tollgate.task": last.task,
        "tollgate.feature": last.feature,
        "tollgate.tags": list(last.tags),
        "tollgate.rule": (last.trail or {}).get("rule", ""),
        "tollgate.cache": last.cache,
        "tollgate.refused_by": last.refused_by,
    }
    told |= {f"tollgate.step.{step}_us": took for row in request.rows for step, took in row.steps_us.items()}
    if last.saved_usd is not None:
        told["tollgate.saved_usd"] = float(last.saved_usd)
    if not last.attempt or last.cache in ("hit", "semantic"):
        told |= _said(request)
    return _given(told)


def _of_call(request: Request, row: RequestLog, start_us: int) -> Attributes:
    written = row.cache_write_5m_tokens + row.cache_write_1h_tokens
    told: Attributes = {
        "gen_ai.operation.name": _operation(row),
        "gen_ai.provider.name": request.kinds.get(row.provider) or row.provider,
        "gen_ai.request.model": row.model_served or row.model_asked,
        "gen_ai.request.stream": row.is_stream,
        "gen_ai.request.max_tokens": row.output_cap,
        "gen_ai.response.model": row.model_served if row.outcome == "ok" else "",
        "gen_ai.response.finish_reasons": [row.finish_reason] if row.finish_reason else [],
        "gen_ai.usage.cache_read.input_tokens": row.cache_read_tokens,
        "gen_ai.usage.cache_creation.input_tokens": written,
        "gen_ai.usage.reasoning.output_tokens": row.reasoning_tokens,
        "tollgate.attempt": row.attempt,
        "tollgate.attempt.reason": (row.trail or {}).get("reason", ""),
        "tollgate.cost_usd": float(row.cost_usd),
        "tollgate.usage_source": row.usage_source,
    }
    if row.usage_source != "none":
        told |= {"gen_ai.usage.input_tokens": row.input_tokens, "gen_ai.usage.output_tokens": row.output_tokens}
    if row.is_stream and row.ttft_ms is not None:
        told["gen_ai.response.time_to_first_chunk"] = max(0.0, row.ttft_ms / 1000 - start_us / 1e6)
    given = _given(told)
    return given | _said(request) if row is request.rows[-1] else given


def _said(request: Request) -> Attributes:
    if request.content is None:
        return {}
    reason = request.rows[-1].finish_reason
    return {
        "gen_ai.input.messages": messages.asked(request.content.turns),
        "gen_ai.output.messages": messages.answered(request.content.answers, reason),
    }


def _given(told: Attributes) -> Attributes:
    """Without what there is not. Zeros that say something stay."""
    always = ("gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens", "tollgate.cost_usd", "gen_ai.request.stream")
    return {
        name: value for name, value in told.items() if name in always or (value not in (None, "", []) and value != 0)
    }
