"""Which candidates a request may not be sent to, and why; and what to tell the caller when none is left."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from gateway.errors import GatewayError, InvalidRequest, PermissionDenied, Unsupported
from gateway.routing import quality
from gateway.routing.conditions import need_name
from gateway.routing.costs import Case, dollars
from gateway.routing.quality import NOTHING_MEASURED
from gateway.types import Choice, Dropped, Endpoint, Key, Measured, Model, Request
from gateway.wording import both
from gateway.wording import gettext as _

LEAST_OUTPUT_TOKENS = 32  # a context window must have room for so much besides the input


class Sifted(NamedTuple):
    """What is left, and what was dropped. `refusal` is there when nothing is left."""

    kept: tuple[Model, ...]
    dropped: tuple[Dropped, ...]
    refusal: GatewayError | None


def sift(
    candidates: Sequence[Model],
    request: Request,
    key: Key,
    choice: Choice,
    case: Case,
    measured: Mapping[str, Measured] = NOTHING_MEASURED,
) -> Sifted:
    """Drop what the key may not use, what cannot do what the request needs, what has no price (its cost could not be held), what is
    too small for the input, what would cost more than the cap, and what is below the quality floor. `measured`: what is known of the
    models' answers to this task, by name.

    The input is an estimate, so where every window seems too small, the largest stays: its provider has the last word. In a cascade,
    the floor does not hold for a model with one behind it that meets it: the answers of the first are judged. Measuring alone never
    leaves nobody: where all that meet the floor by the catalog are measured below it, the best of those answers.
    """
    kept = tuple(candidates)
    dropped: list[Dropped] = []

    def keep(fault: Callable[[Model], str], refuse: Callable[[tuple[Model, ...]], GatewayError]) -> GatewayError | None:
        nonlocal kept
        faults = [(model, fault(model)) for model in kept]
        left = tuple(model for model, reason in faults if not reason)
        dropped.extend(Dropped(model.name, reason) for model, reason in faults if reason)
        kept, before = left, kept
        return None if left else refuse(before)

    refusal: GatewayError | None = None
    if key.allowed_models:
        refusal = keep(
            lambda model: "" if model.name in key.allowed_models else _("the key may not use it"), _not_allowed
        )
    needs = request.needs
    if refusal is None and not all(needs <= model.capabilities for model in kept):
        refusal = keep(lambda model: _lacks(needs - model.capabilities), lambda models: _unable(needs, models))
    is_free = request.endpoint is Endpoint.COUNT_TOKENS
    if refusal is None and not is_free and any(model.price is None for model in kept):
        refusal = keep(lambda model: "" if model.price is not None else _("it has no price"), _unpriced)
    if refusal is None and len(kept) > 1:
        kept = _roomy(kept, case.input_tokens + LEAST_OUTPUT_TOKENS, dropped)
    cap = choice.max_cost_nanousd
    if refusal is None and cap is not None and not is_free:
        refusal = keep(lambda model: _dearer(model, case, cap), lambda models: _too_dear(models, case, cap))
    floor = choice.quality_floor
    if refusal is None and floor is not None:
        best = quality.best_of_the_low(kept, floor, measured)
        spared = _judged(kept, floor, measured) if choice.strategy == "cascade" else set()
        refusal = keep(
            lambda model: "" if id(model) in spared or model is best else quality.below(model, floor, measured),
            lambda models: _too_low(models, floor),
        )
    return Sifted(kept, tuple(dropped), refusal)


def _judged(models: tuple[Model, ...], floor: int, measured: Mapping[str, Measured]) -> set[int]:
    """Those of a cascade that a good enough model stands behind: their answers are given only if they are found to be good."""
    good = [index for index, model in enumerate(models) if not quality.below(model, floor, measured)]
    return {id(model) for model in models[: good[-1] if good else 0]}


def _roomy(models: tuple[Model, ...], wanted: int, dropped: list[Dropped]) -> tuple[Model, ...]:
    """Those whose context window has the tokens that are wanted; the largest if none has."""
    small = [model for model in models if model.context_window is not None and model.context_window < wanted]
    if not small:
        return models
    if len(small) == len(models):
        small.remove(max(small, key=lambda model: model.context_window or 0))
    for model in small:
        reason = _("its context window of %(window)s tokens is too small for about %(wanted)s")
        words = {"window": f"{model.context_window:,}", "wanted": f"{wanted:,}"}
        dropped.append(Dropped(model.name, reason % words))
    gone = {id(model) for model in small}
    return tuple(model for model in models if id(model) not in gone)


def _lacks(lacking: frozenset[str]) -> str:
    return _("it cannot do %(needs)s") % {"needs": both(map(need_name, lacking))} if lacking else ""


def _dearer(model: Model, case: Case, cap: int) -> str:
    cost = case.cost_nanousd(model)
    if cost <= cap:
        return ""
    words = {"cost": dollars(cost), "cap": dollars(cap)}
    return _("it would cost about %(cost)s, more than the cap of %(cap)s") % words


def _names(models: Iterable[Model]) -> str:
    return ", ".join(model.name for model in models)


def _not_allowed(models: tuple[Model, ...]) -> PermissionDenied:
    return PermissionDenied(
        f"This key may not use {_names(models)}, which the request would go to.",
        param="model",
        code="model_not_allowed",
    )


def _unable(needs: frozenset[str], models: tuple[Model, ...]) -> Unsupported:
    have = frozenset[str]().union(*(model.capabilities for model in models))
    lacking = sorted(need_name(need) for need in needs - have) or ["everything the request needs at once"]
    return Unsupported(
        f"{_names(models)} cannot do {', '.join(lacking)}. Choose another model.", param="model", code="model_cannot"
    )


def _unpriced(models: tuple[Model, ...]) -> Unsupported:
    return Unsupported(
        f"{_names(models)} has no price, so its cost could not be limited. Give it one in the catalog (0 if it is free).",
        param="model",
        code="model_unpriced",
    )


def _too_low(models: tuple[Model, ...], floor: int) -> Unsupported:
    return Unsupported(
        f"None of {_names(models)} is known to have a quality of {floor} or more. Set the quality of models in the catalog, or "
        "lower the floor.",
        param="model",
        code="quality_too_low",
    )


def _too_dear(models: tuple[Model, ...], case: Case, cap: int) -> InvalidRequest:
    least = min(case.cost_nanousd(model) for model in models)
    return InvalidRequest(
        f"The request would cost about {dollars(least)} or more; its route allows {dollars(cap)}. Shorten it.",
        param="model",
        code="request_too_expensive",
        source="route:max_request_usd",
    )
