"""Answers as they are kept under an idempotency key, to be given again to the same call."""

from __future__ import annotations

import msgspec

from gateway.pipeline.exchange import Exchange


class KeptAnswer(msgspec.Struct, array_like=True, frozen=True):
    """An answer as an idempotency key keeps it. `body` None: it was too large to keep."""

    body: bytes | None
    is_stream: bool
    provider: str
    model: str


MAX_BYTES = 2_000_000
_decoder = msgspec.msgpack.Decoder(KeptAnswer)


def pack(exchange: Exchange, body: bytes) -> bytes:
    model = exchange.attempt.model if exchange.attempt else None
    return msgspec.msgpack.encode(
        KeptAnswer(
            body=body if len(body) <= MAX_BYTES else None,
            is_stream=bool(exchange.request and exchange.request.is_stream),
            provider=model.provider.name if model else "",
            model=model.name if model else "",
        )
    )


def unpack(data: bytes) -> KeptAnswer:
    """The answer that `pack` has packed."""
    return _decoder.decode(data)
