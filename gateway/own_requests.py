"""Requests that Tollgate makes in a tenant's name: the whole way, under the key of a request of the tenant's, so that they are limited,
charged and recorded like any other. Nobody waits for them.
"""

from __future__ import annotations

import time
from typing import NamedTuple
from uuid import UUID

from gateway import answers
from gateway.errors import Unauthenticated
from gateway.pipeline import credentials
from gateway.pipeline import run as pipeline
from gateway.pipeline.exchange import Exchange, new_request_id
from gateway.runtime import Runtime
from gateway.types import Endpoint, Surface


class Purse:
    """What requests have cost so far, those that failed included."""

    def __init__(self) -> None:
        self.cost_nanousd = 0


class Told(NamedTuple):
    """The text that an answer has, empty if it has none or something else besides; and the model that gave it."""

    text: str
    model: str


async def ask(
    tenant_id: UUID,
    key: str,
    endpoint: Endpoint,
    body: bytes,
    headers: dict[str, str],
    *,
    running: Runtime,
    purse: Purse,
) -> Told:
    """`key`: the SHA-256 of the secret. Raises `GatewayError`."""
    snapshot = await running.snapshots.for_key(key)
    if snapshot is None or snapshot.tenant_id != tenant_id:
        raise Unauthenticated("The key of the request is gone.")
    credentials.check(snapshot, key, endpoint.scope)
    exchange = Exchange(
        request_id=new_request_id(),
        endpoint=endpoint,
        snapshot=snapshot,
        secret_sha256=key,
        started_ns=time.perf_counter_ns(),
    )
    try:
        answer = await pipeline.run(exchange, body, headers, running)
    finally:
        purse.cost_nanousd += exchange.cost_nanousd
    model = exchange.attempt.model.name if exchange.attempt is not None else ""
    if not isinstance(answer, pipeline.Answer):
        return Told("", model)
    words = answers.of_whole(Surface.ANTHROPIC if endpoint is Endpoint.MESSAGES else Surface.OPENAI, answer.body)
    is_text = words is not None and not words.calls_tools and words.finish_reason != answers.REFUSAL
    return Told(words.text if words is not None and is_text else "", model)
