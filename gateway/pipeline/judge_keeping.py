"""Which answers are set aside to be judged, and handing them over: after the answer has gone, and nothing waits for it.

Only what a model has just answered: what a cache gives again was judged when it was made. Requests of Tollgate's own are never judged, or
judging would be judged in turn; nor are those of the playground, where people try things.
"""

from __future__ import annotations

import logging

import msgspec
from prometheus_client import Counter

from gateway.caching import judging as hit_checks
from gateway.errors import StoreUnavailable
from gateway.pipeline.exchange import Exchange
from gateway.quality import judge, judged, sampling
from gateway.quality.judged import Taken, Texts
from gateway.runtime import Runtime
from gateway.types import Endpoint, Labels
from tenants import encryption, redis_keys

logger = logging.getLogger(__name__)

ENDPOINTS = (Endpoint.CHAT, Endpoint.MESSAGES)
LOST = Counter("tollgate_judge_lost_total", "Sampled answers that could not be handed over to be judged.", ["why"])


def is_kept(exchange: Exchange) -> bool:
    """Whether the answer to come is to be judged. Without any judge in the configuration that is one look at an empty dict."""
    shares = exchange.snapshot.judged
    if not shares:
        return False
    plan, request = exchange.plan, exchange.request
    if plan is None or request is None or exchange.endpoint not in ENDPOINTS or exchange.cached is not None:
        return False
    share = shares.get(plan.task, 0.0)
    if not share or exchange.key.is_playground or _is_own(request.labels):
        return False
    return sampling.is_sampled(exchange.request_id, share)


def _is_own(labels: Labels) -> bool:
    return judge.TAG in labels.tags or labels.feature == hit_checks.FEATURE


def keep(exchange: Exchange, runtime: Runtime) -> None:
    """Have the answer of a settled request handed over, if it is to be judged. Never raises: an answer that is not judged is no failure."""
    ending, request, attempt, plan = exchange.ending, exchange.request, exchange.attempt, exchange.plan
    if not exchange.snapshot.judged or ending is None or ending.failed or not is_kept(exchange):
        return
    if request is None or attempt is None or plan is None or exchange.settled_for is not None:
        return
    if ending.body is None or max(len(ending.body), len(request.content)) > judged.MOST_BYTES:
        LOST.labels("too large").inc()
        return
    texts = Texts(exchange.endpoint.value, exchange.secret_sha256, request.content, ending.body)
    taken = Taken(
        request_id=exchange.request_id.bytes,
        at_ms=exchange.accepted_ms,
        task=plan.task,
        model=attempt.model.name,
        provider=attempt.model.provider.name,
        tags=request.labels.tags,
        sealed="",
    )

    async def hand_over() -> None:
        await _hand_over(exchange, taken, texts, runtime)

    if not runtime.handing_over.start(exchange.request_id, hand_over):
        LOST.labels("too many").inc()


async def _hand_over(exchange: Exchange, taken: Taken, texts: Texts, runtime: Runtime) -> None:
    try:
        sealed = msgspec.structs.replace(taken, sealed=encryption.encrypt(msgspec.json.encode(texts).decode()))
        stream = redis_keys.judged_answers(exchange.snapshot.tenant_id)
        record = msgspec.msgpack.encode(sealed)
        await runtime.redis.call("XADD", stream, "MAXLEN", "~", judged.MOST_WAITING, "*", "r", record)
    except StoreUnavailable:
        LOST.labels("redis").inc()
        logger.warning("%s is not judged, Redis is away", exchange.public_id)
    except Exception:
        LOST.labels("failed").inc()
        logger.exception("%s could not be handed over to be judged", exchange.public_id)
