"""Whether a model is good enough for a task: by what its answers turned out to be, or while too little is known of them, by the catalog."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from gateway.types import Measured, Model

NOTHING_MEASURED: Mapping[str, Measured] = MappingProxyType({})
SOURCES = {"corrected": "by a judge, corrected by votes", "judge": "by a judge", "votes": "by votes"}


def below(model: Model, floor: int, measured: Mapping[str, Measured]) -> str:
    """Why the model is not good enough; empty if it is."""
    found = measured.get(model.name)
    if found is not None:
        return f"its {told(found)}, and {floor} is the least" if found.quality < floor else ""
    if model.quality is None:
        return f"its quality is not known, and {floor} is the least"
    return f"its quality is {model.quality}, and {floor} is the least" if model.quality < floor else ""


def best_of_the_low(models: Sequence[Model], floor: int, measured: Mapping[str, Measured]) -> Model | None:
    """Where measuring leaves none that is good enough, though the catalog has some: the best of these. None where there is no need."""
    if not measured or any(not below(model, floor, measured) for model in models):
        return None
    believed = [model for model in models if model.name in measured and not below(model, floor, NOTHING_MEASURED)]
    return max(believed, key=lambda model: measured[model.name].quality, default=None)


def told(found: Measured) -> str:
    """The figure in words, as a sentence goes on after "its"."""
    return f"measured quality is at least {found.quality} ({SOURCES[found.source]}, {found.answers:,} answers)"


def which(model: Model, floor: int, measured: Mapping[str, Measured]) -> str:
    """Which figure the model was let through with, for explanations."""
    found = measured.get(model.name)
    if found is None:
        return f"quality {model.quality} by the catalog" if model.quality is not None else "quality not known"
    low = f", below {floor}, but none is better" if found.quality < floor else ""
    return f"{told(found).replace('measured quality is', 'quality measured as')}{low}"
