"""Where a request would go, with the budgets that it would meet: what POST /v1/route/explain and the console both tell.

The order of questions is here; how the budgets' standings are found is the asker's, who reads them from Redis without waiting in the API,
and in a page's own way there. So `steps` is a generator: it yields what it wants to know and is sent the answer.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable

import msgspec

from billing import limits
from gateway.errors import GatewayError
from gateway.pipeline import router
from gateway.pipeline.refusals import budget_refusal
from gateway.routing import conditions
from gateway.routing.decision import Decision
from gateway.routing.explain import Explanation, explain
from gateway.standings import Falls, Standing
from gateway.types import Cheaper, Key, Request, Signals, Snapshot

MOST_PLANS = 5

Steps = Generator[Falls, list[Standing], Explanation]


def steps(request: Request, snapshot: Snapshot, key: Key, known: Signals) -> Steps:
    """As the reserve step has it planned: anew where a budget of the plan says so.

    Yields what the request would fall under and wants the standings of the budgets that apply to it. A `GatewayError` thrown in is told
    as the refusal.
    """
    decision: Decision | None = None
    refusal: GatewayError | None = None
    try:
        decision = router.decide(request, snapshot, key, known)
        marks = conditions.budget_marks(snapshot)
        for _ in range(MOST_PLANS):
            fresh = _learned(known, (yield _falls(request, decision)), marks)
            if fresh == known:
                break
            known = fresh
            decision = router.decide(request, snapshot, key, known)
        if decision.plan is not None:
            refusal = _refusal(decision, (yield _falls(request, decision)))
    except GatewayError as error:
        refusal = error
    return explain(snapshot, router.facts_of(request, known), decision, refusal, is_stream=request.is_stream)


def _falls(request: Request, decision: Decision) -> Falls:
    models = tuple(attempt.model.name for attempt in decision.plan.attempts) if decision.plan else ()
    task = decision.facts.task
    return Falls(request.labels.end_user, (task,) if task else (), models, request.labels.tags)


def _learned(known: Signals, found: list[Standing], marks: dict[str, list[int]]) -> Signals:
    """What the budgets add to what is known: the shares that rules ask about, and the wish for a cheaper model."""
    shares: dict[str, int] = {}
    for item in found:
        name, amount = item.counter.limit.name, item.counter.amount
        if name in marks and amount > 0:
            shares[name] = max(item.used * 100 // amount, shares.get(name, 0))
    cheaper = known.cheaper or next(filter(None, map(_wish, found)), None)
    return msgspec.structs.replace(known, budget_shares={**known.budget_shares, **shares}, cheaper=cheaper)


def _wish(item: Standing) -> Cheaper | None:
    limit, amount = item.counter.limit, item.counter.amount
    if limit.cheaper_at is None or not 0 < amount * limit.cheaper_at <= item.used * 100:
        return None
    return Cheaper(limit.name, limit.cheaper_model)


def _refusal(decision: Decision, found: Iterable[Standing]) -> GatewayError | None:
    """The refusal by a budget that is used up. One with a little left may refuse a call all the same: that depends on what it may use."""
    attempts = decision.plan.attempts if decision.plan else ()
    for item in found:
        counter, is_one_model_s = item.counter, item.counter.limit.dimension == limits.MODEL
        if is_one_model_s and len(attempts) > 1:
            continue  # another model may answer
        if item.used >= counter.amount:
            return budget_refusal(counter, item.used, item.held, is_held=False)
    return None
