"""Whether a model is good enough for a task: by what its answers turned out to be, or while too little is known of them, by the catalog."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from gateway.types import Measured, Model
from gateway.wording import gettext as _
from gateway.wording import ngettext

NOTHING_MEASURED: Mapping[str, Measured] = MappingProxyType({})


def below(model: Model, floor: int, measured: Mapping[str, Measured]) -> str:
    """Why the model is not good enough; empty if it is."""
    found = measured.get(model.name)
    if found is not None:
        if found.quality >= floor:
            return ""
        text = _("its measured quality is at least %(quality)s (%(source)s), and %(floor)s is the least")
        return text % _words(found, floor)
    if model.quality is None:
        return _("its quality is not known, and %(floor)s is the least") % {"floor": floor}
    if model.quality >= floor:
        return ""
    return _("its quality is %(quality)s, and %(floor)s is the least") % {"quality": model.quality, "floor": floor}


def best_of_the_low(models: Sequence[Model], floor: int, measured: Mapping[str, Measured]) -> Model | None:
    """Where measuring leaves none that is good enough, though the catalog has some: the best of these. None where there is no need."""
    if not measured or any(not below(model, floor, measured) for model in models):
        return None
    believed = [model for model in models if model.name in measured and not below(model, floor, NOTHING_MEASURED)]
    return max(believed, key=lambda model: measured[model.name].quality, default=None)


def which(model: Model, floor: int, measured: Mapping[str, Measured]) -> str:
    """Which figure the model was let through with, for explanations."""
    found = measured.get(model.name)
    if found is None:
        if model.quality is None:
            return _("quality not known")
        return _("quality %(quality)s by the catalog") % {"quality": model.quality}
    if found.quality < floor:
        text = _("quality measured as at least %(quality)s (%(source)s), below %(floor)s, but none is better")
    else:
        text = _("quality measured as at least %(quality)s (%(source)s)")
    return text % _words(found, floor)


def _words(found: Measured, floor: int) -> dict[str, object]:
    return {"quality": found.quality, "source": _source(found), "floor": floor}


def _source(found: Measured) -> str:
    """Who has measured, on how many answers."""
    words = {"count": f"{found.answers:,}"}
    if found.source == "votes":
        return ngettext("by votes, %(count)s answer", "by votes, %(count)s answers", found.answers) % words
    if found.source == "judge":
        return ngettext("by a judge, %(count)s answer", "by a judge, %(count)s answers", found.answers) % words
    return (
        ngettext(
            "by a judge, corrected by votes, %(count)s answer",
            "by a judge, corrected by votes, %(count)s answers",
            found.answers,
        )
        % words
    )
