"""Has the summary that a request's context lacked made, for the requests after it: off the critical path, by an ordinary request.

It goes the whole way under the same key, tenant, end user and tags, so it is limited, charged and recorded like any other. It names a
model, not a task, so no context policy applies to it and it asks for no summary itself. One process at a time makes a summary, and after
a failure none for a minute. A failure costs nothing but the summary.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

from gateway.context import summaries
from gateway.context.summaries import Wanted
from gateway.errors import GatewayError
from gateway.pipeline import observability
from gateway.pipeline.exchange import Exchange, new_request_id
from gateway.runtime import Runtime
from gateway.types import Endpoint

logger = logging.getLogger(__name__)

Ask = Callable[[Exchange, bytes, dict[str, str], Runtime], Awaitable[Any]]
MADE, FAILED, BUSY = "made", "failed", "busy"


def start(exchange: Exchange, runtime: Runtime, ask: Ask) -> None:
    """Have it made if one is wanted and not too many are being made. `ask` is the pipeline."""
    wanted = exchange.summary_wanted
    if wanted is None:
        return
    name = ("summary", exchange.snapshot.tenant_id, wanted.digest)
    if not runtime.background.start(name, lambda: _make(exchange, wanted, runtime, ask)):
        observability.CONTEXT_SUMMARIES.labels(BUSY).inc()


async def _make(exchange: Exchange, wanted: Wanted, runtime: Runtime, ask: Ask) -> None:
    tenant_id = exchange.snapshot.tenant_id
    outcome = FAILED
    try:
        if not await runtime.summaries.claim(tenant_id, wanted.digest):
            return
        request = Exchange(
            request_id=new_request_id(),
            endpoint=Endpoint.CHAT,
            snapshot=exchange.snapshot,
            secret_sha256=exchange.secret_sha256,
            started_ns=time.perf_counter_ns(),
        )
        answer = await ask(request, wanted.body, {}, runtime)
        text = summaries.read_answer(answer.body)
        if text:
            await runtime.summaries.keep(tenant_id, wanted.digest, text)
            outcome = MADE
        else:
            logger.warning("%s: the summary for %s is empty", request.public_id, exchange.public_id)
    except GatewayError as error:
        logger.warning("the summary for %s was not made: %s", exchange.public_id, error.message)
    except Exception:
        logger.exception("the summary for %s was not made", exchange.public_id)
    observability.CONTEXT_SUMMARIES.labels(outcome).inc()
