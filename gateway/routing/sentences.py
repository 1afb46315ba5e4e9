"""Rules and tasks in words."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

from gateway.routing import strategies
from gateway.routing.costs import dollars
from gateway.types import Choice, Condition
from gateway.wording import gettext as _


def rule(conditions: Sequence[Condition], choice: Choice, names: Sequence[str], weights: Sequence[int] = ()) -> str:
    """“If task/summarise and tier free → cheapest of gpt-4o-mini, claude-haiku (quality ≥ 60)”."""
    said = [text for condition in conditions if (text := condition.says())]
    words = {"conditions": together(said), "targets": chosen(choice, names, weights)}
    return (_("If %(conditions)s → %(targets)s") if said else _("For every request → %(targets)s")) % words


def together(said: Sequence[str]) -> str:
    """Conditions that all have to hold."""
    return (
        reduce(lambda before, last: _("%(first)s and %(last)s") % {"first": before, "last": last}, said) if said else ""
    )


def chosen(choice: Choice, names: Sequence[str], weights: Sequence[int] = ()) -> str:
    """What comes after the arrow."""
    if not names:
        return _("nothing: add a target")
    bounds = []
    if choice.quality_floor is not None:
        bounds.append(_("quality ≥ %(floor)s") % {"floor": choice.quality_floor})
    if choice.max_cost_nanousd is not None:
        bounds.append(_("at most %(usd)s") % {"usd": dollars(choice.max_cost_nanousd)})
    return _models(choice, names, weights) + (f" ({', '.join(bounds)})" if bounds else "")


def _models(choice: Choice, names: Sequence[str], weights: Sequence[int]) -> str:
    if choice.strategy == strategies.CHEAPEST and len(names) > 1:
        return _("cheapest of %(models)s") % {"models": ", ".join(names)}
    if choice.strategy == strategies.FASTEST and len(names) > 1:
        return _("fastest of %(models)s") % {"models": ", ".join(names)}
    if choice.strategy == strategies.WEIGHTED and any(weights):
        total = sum(weights)
        return ", ".join(f"{weight * 100 / total:.3g} % {name}" for name, weight in zip(names, weights, strict=True))
    if choice.strategy == strategies.CASCADE and len(names) > 1:
        first, *others = names
        bar = (
            _("at most %(percent)s %% wrong") % {"percent": f"{choice.cascade_target * 100:g}"}
            if choice.cascade_threshold is None
            else f"{choice.cascade_threshold:g}"
        )
        words = {"first": first, "bar": bar, "others": _in_turn(others)}
        return _("%(first)s, if good enough (%(bar)s), else %(others)s") % words
    return _in_turn(names)


def _in_turn(names: Sequence[str]) -> str:
    return reduce(lambda before, last: _("%(first)s, then %(last)s") % {"first": before, "last": last}, names)
