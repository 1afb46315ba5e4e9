"""What is wrong with how a rule or a task chooses among its models, so that it is refused before it is saved."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from gateway.routing import strategies
from gateway.routing.conditions import Needs, need_name
from gateway.types import Choice, Condition
from gateway.wording import both, either
from gateway.wording import gettext as _


class Candidate(NamedTuple):
    """A model as far as faults are concerned. `rate` is picodollars for a token in and one out, None without a price."""

    name: str
    capabilities: frozenset[str]
    rate: int | None
    quality: int | None
    weight: int = 1


def of(candidates: Sequence[Candidate], choice: Choice, conditions: Sequence[Condition] = ()) -> list[str]:
    """Each fault in a sentence; none: it may be saved. Without candidates there is nothing to find fault with."""
    if not candidates:
        return []
    found = []
    needs = frozenset[str]().union(*(condition.names for condition in conditions if isinstance(condition, Needs)))
    for candidate in candidates:
        lacking = needs - candidate.capabilities
        if lacking:
            words = {"model": candidate.name, "needs": both(map(need_name, lacking))}
            found.append(_("%(model)s cannot do %(needs)s, which the rule asks for.") % words)
    if choice.strategy == strategies.WEIGHTED and not any(candidate.weight for candidate in candidates):
        found.append(_("All weights are 0: give one of the targets a weight."))
    if choice.strategy == strategies.CASCADE:
        found += _of_cascade(candidates)
    floor = choice.quality_floor
    if floor is not None and choice.strategy == strategies.CASCADE and len(candidates) > 1:
        candidates = candidates[1:]
    if floor is not None and all(item.quality is None or item.quality < floor for item in candidates):
        words = {"floor": str(floor), "models": either(item.name for item in candidates)}
        found.append(
            _("No quality of %(floor)s or more is known of %(models)s. Set it in the catalog, or lower the floor.")
            % words
        )
    return found


def _of_cascade(candidates: Sequence[Candidate]) -> list[str]:
    if len(candidates) < 2:
        return [_("A cascade needs two models: the cheap one, and the better one behind it.")]
    first, second = candidates[0], candidates[1]
    if first.rate is not None and second.rate is not None and first.rate > second.rate:
        words = {"first": first.name, "second": second.name}
        return [_("A cascade begins with the cheaper model, but %(first)s costs more than %(second)s.") % words]
    return []
