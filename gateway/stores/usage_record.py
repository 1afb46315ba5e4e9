"""A usage record on its way from the gateway to the request log: what is appended to the tenant's Redis stream.

Encoded as a msgpack array, so that the order of fields is the format: new ones go to the end, with a default, and a worker of an
older or newer release still reads it.
"""

from __future__ import annotations

from uuid import UUID

import msgspec


class Trail(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """How a request came to an attempt, for whoever looks at its trace. What has a column of its own in the log is not repeated here.

    `rates`: picodollars per token of plain input, cache read, cache written for 5 minutes and for an hour, and output, as they were
    charged; empty: no price is known, or nothing was called. `reason`: why the plan has the attempt. The rest is the request's, and only
    in its final record: `skipped` and `dropped` are models and why they were not called, `cascade` how a first answer was judged,
    `lowered_by` and `degraded_by` the limits that lowered the output cap or called for a cheaper model. `version`: of the configuration.
    `traceparent`: the caller's, as it came.
    """

    rates: tuple[int, ...] = ()
    reason: str = ""
    rule: str = ""
    strategy: str = ""
    skipped: tuple[tuple[str, str], ...] = ()
    dropped: tuple[tuple[str, str], ...] = ()
    cascade: str = ""
    lowered_by: str = ""
    degraded_by: str = ""
    held_nanousd: int = 0
    version: int = 0
    traceparent: str = ""


class UsageRecord(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """Units: tokens, nano-dollars, milliseconds since 1970 (`accepted_ms`), milliseconds, microseconds per step.

    `is_final`: it tells how the request ended; the others are attempts that failed before. `opens_model`: the request's first call of that
    model, so that a budget of requests of the model counts it. `prefix_saved_nanousd`: what the provider's cache saved, less than nothing
    where writing to it cost more. `saved_nanousd`: what a cached answer cost when it was made.
    `secret_prefix`: which of the key's secrets was sent. `trail` None: of a record that was made before the request was over.
    """

    id: UUID
    request_id: UUID
    attempt: int
    accepted_ms: int
    tenant_id: UUID
    api_key_id: UUID
    endpoint: str
    end_user: str
    task: str
    feature: str
    tags: tuple[str, ...]
    model_asked: str
    model_served: str
    provider: str
    is_stream: bool
    status: int
    outcome: str
    error_type: str = ""
    error_message: str = ""
    finish_reason: str = ""
    cache: str = ""
    input_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_5m_tokens: int = 0
    cache_write_1h_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    usage_source: str = "none"
    cost_nanousd: int = 0
    is_priced: bool = True
    latency_ms: float = 0.0
    ttft_ms: float | None = None
    steps_us: dict[str, int] = {}
    tier: str = ""
    refused_by: str = ""
    output_cap: int | None = None
    is_final: bool = True
    opens_model: bool = True
    context_tokens_before: int | None = None
    context_tokens_after: int | None = None
    prefix_saved_nanousd: int = 0
    cache_reason: str = ""
    saved_nanousd: int | None = None
    cache_age_ms: int | None = None
    cache_similarity: float | None = None
    secret_prefix: str = ""
    trail: Trail | None = None


REPORTED, ESTIMATED, HELD, NONE = "reported", "estimated", "held", "none"  # where the usage comes from

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(UsageRecord)


def encode(record: UsageRecord) -> bytes:
    return _encoder.encode(record)


def decode(data: bytes) -> UsageRecord:
    """Raises `msgspec.DecodeError` or `msgspec.ValidationError` if `data` is no record."""
    return _decoder.decode(data)
