"""In which order candidates are tried. Each strategy is a function of the candidates and of what is known; none leaves one out.

- fixed: as they stand.
- cheapest: by expected cost; equal ones as they stand.
- fastest: by the 95th percentile of the last minutes, to the first byte for streams, else of whole answers. Models not measured
  lately follow in their order; one request in `EXPLORE_ONE_IN` tries one of them first, so that it gets measured.
- weighted: each conversation keeps to one candidate, and the conversations spread by weight (rendezvous hashing: a changed weight
  moves only the conversations that have to move). The others follow in the same way, those of weight 0 last.
- cascade: as they stand; the first answer is judged, and the next model asked if it is not good enough.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

from gateway.routing.costs import Case
from gateway.types import Model, Rule, Signals

FIXED, CHEAPEST, FASTEST, WEIGHTED, CASCADE = "fixed", "cheapest", "fastest", "weighted", "cascade"
EXPLORE_ONE_IN = 10


class Ground(NamedTuple):
    """What an order may depend on. `place` names the rule or task, so that two of them spread conversations independently."""

    case: Case
    signals: Signals
    is_stream: bool
    place: str
    rule: Rule | None


def fixed(models: Sequence[Model], ground: Ground) -> list[Model]:
    return list(models)


def cheapest(models: Sequence[Model], ground: Ground) -> list[Model]:
    return sorted(models, key=ground.case.cost_nanousd)


def fastest(models: Sequence[Model], ground: Ground) -> list[Model]:
    measured: list[tuple[float, int]] = []
    unknown: list[Model] = []
    for index, model in enumerate(models):
        health = ground.signals.health(model)
        p95 = health.p95_first_byte_ms if ground.is_stream else health.p95_whole_ms
        if p95 is None:
            unknown.append(model)
        else:
            measured.append((p95, index))
    known = [models[index] for _, index in sorted(measured)]
    if unknown:
        draw = _draw(ground.place, ground.signals.conversation.key, str(ground.signals.at))
        if draw % EXPLORE_ONE_IN == 0:
            tried = unknown.pop(draw // EXPLORE_ONE_IN % len(unknown))
            return [tried, *known, *unknown]
    return [*known, *unknown]


def weighted(models: Sequence[Model], ground: Ground) -> list[Model]:
    weights: dict[tuple[str, int], int] = {}
    if ground.rule is not None:
        pairs = zip(ground.rule.targets, ground.rule.weights, strict=False)
        weights = {(model.name, model.provider.id.int): weight for model, weight in pairs}
    conversation = ground.signals.conversation.key

    def score(model: Model) -> float:
        weight = weights.get((model.name, model.provider.id.int), 1)
        if not weight:
            return math.inf
        draw = _draw(ground.place, conversation, f"{model.provider.id.hex}/{model.name}")
        return -math.log((draw + 1) / 2**64) / weight

    return sorted(models, key=score)


ORDERS: dict[str, Callable[[Sequence[Model], Ground], list[Model]]] = {
    FIXED: fixed,
    CHEAPEST: cheapest,
    FASTEST: fastest,
    WEIGHTED: weighted,
    CASCADE: fixed,
}


def _draw(*parts: str) -> int:
    """64 bits that are the same for the same parts, in every process."""
    return int.from_bytes(hashlib.blake2b("\x00".join(parts).encode(), digest_size=8).digest(), "big")
