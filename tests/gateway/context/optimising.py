"""The step by itself: a request in, the request that goes on out, with a real runtime and a snapshot made here."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

from billing.limits import Limits, Pace
from billing.windows import Clock
from gateway.context.vectors import Embed
from gateway.pipeline import context_optimizer, validator
from gateway.pipeline.exchange import Exchange, new_request_id
from gateway.runtime import Runtime
from gateway.types import ContextPolicy, Endpoint, Key, Model, Provider, Request, Secret, Snapshot, Task

TENANT = UUID(int=7)
DIGEST = "0" * 64


def policy(**fields: Any) -> ContextPolicy:
    """One that does nothing, but for what is given."""
    values: dict[str, Any] = {
        "keep_messages": None,
        "block_messages": 10,
        "fits_budget": False,
        "max_input_tokens": None,
        "relevant_turns": 0,
        "least_similarity": 0.1,
        "embedding_wait_seconds": 5.0,
        "summary_model": "",
        "summary_tokens": 400,
        "collapses_whitespace": False,
        "drops_repetition": False,
    }
    return ContextPolicy(**{**values, **fields})


def snapshot(chosen: ContextPolicy | None, *, kind: str = "openai", plan_tokens: int | None = None) -> Snapshot:
    provider = Provider(id=UUID(int=1), name="up", kind=kind, base_url="http://x", credential=Secret(""))
    model = Model(
        name="m", upstream_id="m", provider=provider, capabilities=frozenset({"chat", "tools"}), context_window=None,
        max_output_tokens=None, price=None, created_at=0,
    )  # fmt: skip
    key = Key(
        id=UUID(int=2), scopes=frozenset({"chat"}), allowed_models=frozenset(), allowed_tasks=frozenset(), expires_at=None,
        pace=Pace(), limits=(),
    )  # fmt: skip
    return Snapshot(
        tenant_id=TENANT, version=1, is_active=True, keys={DIGEST: key}, models={"m": model},
        tasks={"desk": Task(slug="desk", is_real_time=True, chain=(model,), context=chosen)}, rules=(),
        limits=Limits(max_input_tokens=plan_tokens), clock=Clock("UTC"), loaded_at=0.0,
    )  # fmt: skip


@asynccontextmanager
async def running(embed: Embed | None = None) -> AsyncIterator[Runtime]:
    runtime = Runtime()
    runtime.embed = embed
    try:
        yield runtime
    finally:
        await runtime.close()


def exchange_for(endpoint: Endpoint, content: bytes, given: Snapshot) -> tuple[Exchange, Request]:
    exchange = Exchange(
        request_id=new_request_id(),
        endpoint=endpoint,
        snapshot=given,
        secret_sha256=DIGEST,
        started_ns=time.perf_counter_ns(),
    )
    return exchange, validator.validate(endpoint, content, {"x-tollgate-user": uuid4().hex[:6]})


async def optimised(
    endpoint: Endpoint, content: bytes, given: Snapshot, runtime: Runtime
) -> tuple[Exchange, Request, Request]:
    """The exchange, the request as it came, and as it goes on."""
    exchange, request = exchange_for(endpoint, content, given)
    chosen = context_optimizer.policy_of(exchange, request)
    return exchange, request, await context_optimizer.optimise(exchange, request, chosen, runtime)
