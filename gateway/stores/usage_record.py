"""A usage record on its way from the gateway to the request log: what is appended to the tenant's Redis stream.

Encoded as a msgpack array, so that the order of fields is the format: new ones go to the end, with a default, and a worker of an
older or newer release still reads it.
"""

from __future__ import annotations

from uuid import UUID

import msgspec


class UsageRecord(msgspec.Struct, array_like=True, frozen=True):
    """Units: tokens, nano-dollars, milliseconds since 1970 (`accepted_ms`), milliseconds, microseconds per step.

    `is_final`: it tells how the request ended; the others are attempts that failed before. `opens_model`: the request's first call of that
    model, so that a budget of requests of the model counts it. `prefix_saved_nanousd`: what the provider's cache saved, less than nothing
    where writing to it cost more. `saved_nanousd`: what a cached answer cost when it was made.
    `secret_prefix`: which of the key's secrets was sent.
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
    error_type: str
    error_message: str
    finish_reason: str
    cache: str
    input_tokens: int
    cache_read_tokens: int
    cache_write_5m_tokens: int
    cache_write_1h_tokens: int
    output_tokens: int
    reasoning_tokens: int
    usage_source: str
    cost_nanousd: int
    is_priced: bool
    latency_ms: float
    ttft_ms: float | None
    steps_us: dict[str, int]
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


REPORTED, ESTIMATED, HELD, NONE = "reported", "estimated", "held", "none"  # where the usage comes from

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(UsageRecord)


def encode(record: UsageRecord) -> bytes:
    return _encoder.encode(record)


def decode(data: bytes) -> UsageRecord:
    """Raises `msgspec.DecodeError` or `msgspec.ValidationError` if `data` is no record."""
    return _decoder.decode(data)
