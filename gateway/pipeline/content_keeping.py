"""What a request's content is, where its tenant has it stored: the body that went on (after the context policy, in the caller's format),
and the answer as it was given.

Taken along as it is, in the settlement that ends the request, so that it is stored exactly if the request is in the log. Nothing is read,
left out or encrypted here; that is a worker's.
"""

from __future__ import annotations

from gateway.pipeline.exchange import Exchange
from gateway.stores import content_record
from gateway.stores.content_record import MOST_ANSWER_BYTES, MOST_PROMPT_BYTES, ContentRecord, Heard


def is_stored(exchange: Exchange) -> bool:
    """Whether the request's content is stored. One that was not let in has none: whoever is refused could fill the store otherwise."""
    policy = exchange.snapshot.content
    return policy is not None and exchange.plan is not None and policy.covers(exchange.plan.task)


def listen(exchange: Exchange) -> None:
    """Have what the request's stream tells kept as it passes by, if it is stored."""
    if is_stored(exchange):
        exchange.heard = Heard()


def packed(exchange: Exchange, body: bytes | None) -> bytes:
    """The content as a settlement takes it; `body` is the whole answer of a request that was not streamed. Empty: nothing is stored."""
    request, policy = exchange.request, exchange.snapshot.content
    if policy is None or request is None or exchange.hold is None or not is_stored(exchange):
        return b""
    if exchange.cached is not None:
        answer, size = exchange.cached.body, len(exchange.cached.body)
    elif exchange.heard is not None:
        answer, size = exchange.heard.content(), exchange.heard.size
    else:
        answer, size = body or b"", len(body or b"")
    return content_record.encode(
        ContentRecord(
            request_id=exchange.request_id,
            accepted_ms=exchange.accepted_ms,
            endpoint=exchange.endpoint.value,
            end_user=request.labels.end_user,
            task=exchange.plan.task if exchange.plan is not None else "",
            is_stream=request.is_stream,
            redacts=policy.redacts,
            prompt=request.content[:MOST_PROMPT_BYTES],
            prompt_bytes=len(request.content),
            answer=answer[:MOST_ANSWER_BYTES],
            answer_bytes=size,
        )
    )
