"""Rules and tasks in words."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.routing import strategies
from gateway.routing.costs import dollars
from gateway.types import Choice, Condition


def rule(conditions: Sequence[Condition], choice: Choice, names: Sequence[str], weights: Sequence[int] = ()) -> str:
    """“If task/summarise and tier free → cheapest of gpt-4o-mini, claude-haiku (quality ≥ 60)”."""
    told = " and ".join(said for condition in conditions if (said := condition.says()))
    return f"{f'If {told}' if told else 'For every request'} → {chosen(choice, names, weights)}"


def chosen(choice: Choice, names: Sequence[str], weights: Sequence[int] = ()) -> str:
    """What comes after the arrow."""
    if not names:
        return "nothing: add a target"
    bounds = []
    if choice.quality_floor is not None:
        bounds.append(f"quality ≥ {choice.quality_floor}")
    if choice.max_cost_nanousd is not None:
        bounds.append(f"at most {dollars(choice.max_cost_nanousd)}")
    return _models(choice, names, weights) + (f" ({', '.join(bounds)})" if bounds else "")


def _models(choice: Choice, names: Sequence[str], weights: Sequence[int]) -> str:
    if choice.strategy == strategies.CHEAPEST and len(names) > 1:
        return f"cheapest of {', '.join(names)}"
    if choice.strategy == strategies.FASTEST and len(names) > 1:
        return f"fastest of {', '.join(names)}"
    if choice.strategy == strategies.WEIGHTED and any(weights):
        total = sum(weights)
        return ", ".join(f"{weight * 100 / total:.3g} % {name}" for name, weight in zip(names, weights, strict=True))
    if choice.strategy == strategies.CASCADE and len(names) > 1:
        first, *others = names
        bar = (
            f"at most {choice.cascade_target * 100:g} % wrong"
            if choice.cascade_threshold is None
            else f"{choice.cascade_threshold:g}"
        )
        return f"{first}, if good enough ({bar}), else {', then '.join(others)}"
    return ", then ".join(names)
