"""Which model should answer: a plan, made from the snapshot alone. No I/O; `provider_client` walks the plan.

The first rule that matches decides; else a task's chain; else the model that was asked for. Candidates that the key may not use or
that cannot do what the request needs are dropped.
"""

from __future__ import annotations

from gateway.errors import NotFound, PermissionDenied, Unsupported
from gateway.types import Attempt, Cheaper, Endpoint, Key, Model, Plan, Request, Rule, Snapshot

TASK_PREFIX = "task/"

_NEED_NAMES = {
    "chat": "chat",
    "embeddings": "embeddings",
    "streaming": "streaming",
    "tools": "tools",
    "vision": "images",
    "json_schema": "a JSON schema",
}


def plan(request: Request, snapshot: Snapshot, key: Key, *, cheaper: Cheaper | None = None) -> Plan:
    """The attempts to make, best first; a budget may want a `cheaper` model.

    Raises `NotFound` for an unknown model or task, `PermissionDenied` where the key may not use it, `Unsupported` where no candidate
    can do what the request needs.
    """
    asked = request.model_asked
    task_slug = asked[len(TASK_PREFIX) :] if asked.startswith(TASK_PREFIX) else ""
    if task_slug:
        candidates = _task_chain(task_slug, snapshot, key)
        reason = f"task {task_slug}"
    else:
        candidates = (_model(asked, snapshot, key),)
        reason = "asked for"
    rule = next((rule for rule in snapshot.rules if _matches(rule, task_slug, asked)), None)
    if rule is not None:
        candidates, reason = rule.targets, f"rule {rule.name}"
    able = tuple(model for model in candidates if request.needs <= model.capabilities)
    if not able:
        raise _unable(request, candidates)
    if request.endpoint is not Endpoint.COUNT_TOKENS:  # counting costs nothing
        able = _priced(able)
    if cheaper is not None:
        able, reason = _cheaper(request, snapshot, able, cheaper), f"budget {cheaper.budget}"
    return Plan(
        attempts=tuple(Attempt(model=model, reason=reason) for model in able),
        task=task_slug,
        rule=rule.name if rule else "",
    )


def _matches(rule: Rule, task: str, model: str) -> bool:
    if rule.task is not None and rule.task != task:
        return False
    return rule.requested_model is None or rule.requested_model == model


def _task_chain(slug: str, snapshot: Snapshot, key: Key) -> tuple[Model, ...]:
    task = snapshot.tasks.get(slug)
    if task is None:
        raise NotFound(
            f"There is no task “{slug}”. GET /v1/models lists what there is.", param="model", code="task_not_found"
        )
    if key.allowed_tasks and slug not in key.allowed_tasks:
        raise PermissionDenied(f"This key may not use the task “{slug}”.", param="model", code="task_not_allowed")
    return task.chain


def _model(name: str, snapshot: Snapshot, key: Key) -> Model:
    model = snapshot.models.get(name)
    if model is None:
        raise NotFound(
            f"There is no model “{name}”. GET /v1/models lists what there is.", param="model", code="model_not_found"
        )
    if key.allowed_models and name not in key.allowed_models:
        raise PermissionDenied(f"This key may not use the model “{name}”.", param="model", code="model_not_allowed")
    return model


def _priced(models: tuple[Model, ...]) -> tuple[Model, ...]:
    """What a model without a price costs cannot be held nor charged, so it is not used."""
    priced = tuple(model for model in models if model.price is not None)
    if not priced:
        names = ", ".join(model.name for model in models)
        raise Unsupported(
            f"{names} has no price, so its cost could not be limited. Give it one in the catalog (0 if it is free).",
            param="model",
            code="model_unpriced",
        )
    return priced


def _cheaper(request: Request, snapshot: Snapshot, able: tuple[Model, ...], wish: Cheaper) -> tuple[Model, ...]:
    """The model that a budget names for when it runs low, if it can do what is needed; else the cheapest of the candidates."""
    named = snapshot.models.get(wish.model) if wish.model else None
    if named is not None and named.price is not None and request.needs <= named.capabilities:
        return (named,)
    return tuple(sorted(able, key=_rate))


def _rate(model: Model) -> int:
    """Picodollars for a token in and a token out: what cheap means here."""
    return model.price.base.input + model.price.base.output if model.price is not None else 0


def _unable(request: Request, candidates: tuple[Model, ...]) -> Unsupported:
    have = frozenset[str]().union(*(model.capabilities for model in candidates))
    lacking = sorted(_NEED_NAMES.get(need, need) for need in request.needs - have) or [
        "everything the request needs at once"
    ]
    names = ", ".join(model.name for model in candidates)
    return Unsupported(
        f"{names} cannot do {', '.join(lacking)}. Choose another model.", param="model", code="model_cannot"
    )
