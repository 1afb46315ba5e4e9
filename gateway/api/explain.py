"""POST /v1/route/explain: where a request would go, and why. It costs nothing, counts nowhere and calls nobody."""

from __future__ import annotations

import datetime as dt
import time
from typing import Any

import msgspec
from drf_spectacular.utils import extend_schema_view

from gateway import explaining, runtime, standings
from gateway.api import rendering, schemas
from gateway.api.base import GatewayView
from gateway.api.lean import WholeResponse
from gateway.errors import GatewayError
from gateway.pipeline import credentials, signals, validator
from gateway.routing.explain import Explained, Explanation
from gateway.runtime import Runtime
from gateway.types import Endpoint, Key, Request, Signals, Snapshot, Surface


@extend_schema_view(post=schemas.explain)
class ExplainView(GatewayView):
    """Which rule decides for a request, what was left out, and which models are tried in which order."""

    scope = "chat"

    async def post(self, snapshot: Snapshot, digest: str) -> WholeResponse:
        state = runtime.current()
        if not await state.snapshots.is_current(snapshot):
            snapshot = await credentials.renewed(snapshot, digest, self.scope, state.snapshots)
        key = snapshot.keys[digest]
        endpoint = Endpoint.MESSAGES if self.surface is Surface.ANTHROPIC else Endpoint.CHAT
        request = validator.validate(endpoint, self.request.body, self.headers)
        known = await _signals(request, snapshot, key, state)
        told = await _explanation(request, snapshot, key, known, state)
        return WholeResponse(msgspec.json.encode(_json(told)))


async def _signals(request: Request, snapshot: Snapshot, key: Key, state: Runtime) -> Signals:
    """As a call of this moment would have them, but for budgets. The tier comes from Redis; raises `StoreUnavailable`."""
    return Signals(
        at=time.time(),
        tier=await standings.tier_of(snapshot, request.labels.end_user, state),
        input_tokens=signals.input_tokens(request),
        conversation=signals.conversation(request, str(key.id)),
        health=state.breakers.health,
    )


async def _explanation(request: Request, snapshot: Snapshot, key: Key, known: Signals, state: Runtime) -> Explanation:
    steps = explaining.steps(request, snapshot, key, known)
    try:
        falls = next(steps)
        while True:
            try:
                found = await standings.budgets(snapshot, key, falls, state, known.at)
            except GatewayError as error:
                falls = steps.throw(error)
            else:
                falls = steps.send(found)
    except StopIteration as done:
        told: Explanation = done.value
        return told


def _json(told: Explanation) -> dict[str, Any]:
    """Amounts of money are strings: exact, to the nano-dollar."""
    plan, rule = told.plan, told.rule
    return {
        "object": "route.explanation",
        "model_asked": told.facts.asked,
        "task": told.facts.task or None,
        "rule": {"name": rule.name, "owner": _owner(rule.is_own)} if rule else None,
        "strategy": plan.strategy or None if plan else None,
        "attempts": [_attempt(number, item) for number, item in enumerate(told.attempts, start=1)],
        "passed_over": [
            {"rule": item.rule.name, "owner": _owner(item.rule.is_own), "because": item.because}
            for item in told.passed_over
        ],
        "dropped": [{"model": item.model, "reason": item.reason} for item in told.dropped],
        "refusal": {"code": told.refusal.code, "message": told.refusal.message} if told.refusal else None,
        "input_tokens": told.facts.signals.input_tokens,
        "likely_output_tokens": told.output_tokens,
        "needs": sorted(told.facts.needs),
        "tier": told.facts.signals.tier or None,
        "degraded_by": told.facts.signals.cheaper.budget if told.facts.signals.cheaper else None,
        "at": dt.datetime.fromtimestamp(told.facts.signals.at, dt.UTC).isoformat(timespec="seconds"),
        "local_time": told.local_time.isoformat(timespec="seconds"),
        "first_byte_seconds": plan.first_byte_seconds if plan else None,
        "cascade": {"threshold": plan.cascade.threshold} if plan and plan.cascade else None,
        "replays_when_down": plan.may_replay if plan else False,
        "escapes_refusals": plan.escapes_refusals if plan else False,
        "warnings": told.warnings,
    }


def _attempt(number: int, item: Explained) -> dict[str, Any]:
    return {
        "position": number,
        "model": item.attempt.model.name,
        "provider": item.attempt.model.provider.name,
        "reason": item.why,
        "expected_cost_usd": None if item.cost_nanousd is None else rendering.dollars(item.cost_nanousd),
        "breaker": "open" if item.is_open else "closed",
        "p95_ms": item.p95_ms,
    }


def _owner(is_own: bool) -> str:
    return "tenant" if is_own else "operator"
