"""Which model should answer: a plan, made from the snapshot and from what is known at the moment. No I/O; `provider_client` walks it.

The first rule that matches decides; else a task's chain; else the model that was asked for. Rules are applied once: where a rule sends
a request, no other rule is asked. `gateway.routing` has the parts: conditions, candidates, strategies.
"""

from __future__ import annotations

from typing import Any

from gateway.errors import NotFound, PermissionDenied
from gateway.pipeline.demand import asked as cap_asked
from gateway.routing import candidates, strategies
from gateway.routing.costs import Case
from gateway.routing.decision import Decision
from gateway.routing.quality import NOTHING_MEASURED
from gateway.routing.strategies import Ground
from gateway.types import (
    Attempt,
    Cascade,
    Cheaper,
    Choice,
    Conversation,
    Endpoint,
    Facts,
    Health,
    Key,
    Model,
    Plan,
    Request,
    Rule,
    Signals,
    Snapshot,
    Task,
)

TASK_PREFIX = "task/"
LIKELY_OUTPUT_TOKENS = 300  # of a request without a task
ASKED_FOR = "asked for"

_NO_HEALTH = Health()
NOTHING_KNOWN = Signals(at=0.0, tier="", input_tokens=0, conversation=Conversation(""), health=lambda model: _NO_HEALTH)
_PLAIN = Choice()


def plan(request: Request, snapshot: Snapshot, key: Key, signals: Signals = NOTHING_KNOWN) -> Plan:
    """The attempts to make, best first; a budget may want a cheaper model (`signals.cheaper`).

    Raises `NotFound` for an unknown model or task, `PermissionDenied` where the key may not use it, `Unsupported` where no candidate
    can do what the request needs, `InvalidRequest` where all would cost more than the route allows.
    """
    if not snapshot.rules and signals.cheaper is None:
        # Nothing to decide: most requests of most tenants.
        model = snapshot.models.get(request.model_asked)
        is_free_to_use = model is not None and not key.allowed_models and model.price is not None
        if model is not None and is_free_to_use and request.needs <= model.capabilities:
            return Plan(attempts=(Attempt(model, ASKED_FOR),), task="", rule="")
    decided = decide(request, snapshot, key, signals)
    if decided.plan is None:
        assert decided.refusal is not None
        raise decided.refusal
    return decided.plan


def decide(request: Request, snapshot: Snapshot, key: Key, signals: Signals) -> Decision:
    """As `plan`, with what led to it. Raises only `NotFound`, and `PermissionDenied` for what is asked for itself."""
    asked = request.model_asked
    slug = asked[len(TASK_PREFIX) :] if asked.startswith(TASK_PREFIX) else ""
    task = _task(slug, snapshot, key) if slug else None
    model = None if slug else _model(asked, snapshot, key)
    facts = facts_of(request, signals)
    rule = _first(snapshot.rules, facts)
    if task is None and model is None and (rule is None or not rule.names_models):
        raise NotFound(
            f"There is no model “{asked}”. GET /v1/models lists what there is.", param="model", code="model_not_found"
        )
    offered, choice, reason = _offer(task, model, rule)
    case = _case(request, task, signals)
    measured = snapshot.measured.get(slug, NOTHING_MEASURED)
    sifted = candidates.sift(offered, request, key, choice, case, measured)
    made = None
    if sifted.refusal is None:
        ground = Ground(case, signals, request.is_stream, rule.id if rule else slug, rule)
        if signals.cheaper is not None:
            kept = _cheaper(request, snapshot, key, sifted.kept, signals.cheaper)
            ordered, reason = _open_last(kept, signals), f"budget {signals.cheaper.budget}"
        elif len(sifted.kept) > 1:
            ordered = _open_last(strategies.ORDERS[choice.strategy](sifted.kept, ground), signals)
        else:
            ordered = list(sifted.kept)
        made = Plan(
            attempts=tuple([Attempt(model=item, reason=reason) for item in ordered]),
            task=slug,
            rule=rule.name if rule else "",
            strategy=choice.strategy if task or rule else "",
            first_byte_seconds=choice.first_byte_seconds,
            cascade=_cascade(request, choice, ordered, signals),
            may_replay=choice.may_replay,
            replay_similarity=choice.replay_similarity,
            escapes_refusals=choice.escapes_refusals,
            dropped=sifted.dropped,
        )
    return Decision(facts, rule, choice, case, offered, sifted.dropped, made, sifted.refusal, measured)


def facts_of(request: Request, signals: Signals) -> Facts:
    """What rules are asked about."""
    asked = request.model_asked
    slug = asked[len(TASK_PREFIX) :] if asked.startswith(TASK_PREFIX) else ""
    body: Any = request.body
    return Facts(asked, slug, request.labels, body.metadata or {}, request.needs, signals)


def _first(rules: tuple[Rule, ...], facts: Facts) -> Rule | None:
    for rule in rules:
        for condition in rule.conditions:
            if not condition.holds(facts):
                break
        else:
            return rule
    return None


def _task(slug: str, snapshot: Snapshot, key: Key) -> Task:
    task = snapshot.tasks.get(slug)
    if task is None:
        raise NotFound(
            f"There is no task “{slug}”. GET /v1/models lists what there is.", param="model", code="task_not_found"
        )
    if key.allowed_tasks and slug not in key.allowed_tasks:
        raise PermissionDenied(f"This key may not use the task “{slug}”.", param="model", code="task_not_allowed")
    return task


def _model(name: str, snapshot: Snapshot, key: Key) -> Model | None:
    """None: the catalog does not have it; a rule may."""
    model = snapshot.models.get(name)
    if model is not None and key.allowed_models and name not in key.allowed_models:
        raise PermissionDenied(f"This key may not use the model “{name}”.", param="model", code="model_not_allowed")
    return model


def _offer(task: Task | None, model: Model | None, rule: Rule | None) -> tuple[tuple[Model, ...], Choice, str]:
    """The candidates, how one of them is chosen, and why it is them. What a rule leaves open, the task says."""
    if rule is not None:
        choice = rule.choice if task is None else _joined(rule.choice, task.choice)
        return rule.targets, choice, f"rule {rule.name}"
    if task is not None:
        return task.chain, task.choice, f"task {task.slug}"
    assert model is not None
    return (model,), _PLAIN, ASKED_FOR


def _joined(rule: Choice, task: Choice) -> Choice:
    return Choice(
        strategy=rule.strategy,
        quality_floor=task.quality_floor if rule.quality_floor is None else rule.quality_floor,
        max_cost_nanousd=task.max_cost_nanousd if rule.max_cost_nanousd is None else rule.max_cost_nanousd,
        cascade_threshold=rule.cascade_threshold,
        cascade_target=rule.cascade_target,
        first_byte_seconds=task.first_byte_seconds if rule.first_byte_seconds is None else rule.first_byte_seconds,
        may_replay=rule.may_replay or task.may_replay,
        replay_similarity=rule.replay_similarity if rule.may_replay else task.replay_similarity,
        escapes_refusals=rule.escapes_refusals or task.escapes_refusals,
    )


def _case(request: Request, task: Task | None, signals: Signals) -> Case:
    if request.endpoint in (Endpoint.EMBEDDINGS, Endpoint.COUNT_TOKENS):
        return Case(signals.input_tokens, 0, signals.conversation)
    body: Any = request.body
    likely = LIKELY_OUTPUT_TOKENS if task is None else task.likely_output_tokens
    cap = cap_asked(body)
    output = min(likely, cap) if cap else likely
    return Case(signals.input_tokens, output * (getattr(body, "n", None) or 1), signals.conversation)


def _open_last(models: list[Model], signals: Signals) -> list[Model]:
    """Models whose circuit breaker is open go to the end: they may have recovered by the time it is their turn."""
    is_open = [signals.health(model).is_open for model in models]
    if True not in is_open:
        return models
    pairs = list(zip(models, is_open, strict=True))
    return [model for model, waits in pairs if not waits] + [model for model, waits in pairs if waits]


def _cascade(request: Request, choice: Choice, ordered: list[Model], signals: Signals) -> Cascade | None:
    """None also where the cheap model or the one that would stand in for it cannot be reached: there is nothing to judge then."""
    if choice.strategy != strategies.CASCADE or len(ordered) < 2 or signals.cheaper is not None:
        return None
    if request.endpoint not in (Endpoint.CHAT, Endpoint.MESSAGES):
        return None
    if any(signals.health(model).is_open for model in ordered[:2]):
        return None
    return Cascade(target=choice.cascade_target, threshold=choice.cascade_threshold)


def _cheaper(request: Request, snapshot: Snapshot, key: Key, able: tuple[Model, ...], wish: Cheaper) -> list[Model]:
    """The model that a budget names for when it runs low, if it can do what is needed; else the candidates, cheapest first."""
    named = snapshot.models.get(wish.model) if wish.model else None
    is_allowed = named is not None and (not key.allowed_models or named.name in key.allowed_models)
    if named is not None and is_allowed and named.price is not None and request.needs <= named.capabilities:
        return [named]
    return sorted(able, key=_rate)


def _rate(model: Model) -> int:
    """Picodollars for a token in and a token out: what cheap means to a budget."""
    return model.price.base.input + model.price.base.output if model.price is not None else 0
