"""What is odd about rules and tasks that are in force: allowed, but hardly meant. Refusals are in `gateway.routing.faults`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from gateway.routing import conditions, quality
from gateway.routing.conditions import BudgetShare, Models, Never, Tasks
from gateway.routing.quality import NOTHING_MEASURED
from gateway.types import Measured, Model, Rule, Snapshot, Task
from gateway.wording import gettext as _
from gateway.wording import ngettext


class Oddity(NamedTuple):
    """`rule_id` is empty for what concerns a task, `task` for what concerns a rule, both for what concerns a budget."""

    rule_id: str
    task: str
    text: str


def of(snapshot: Snapshot) -> list[Oddity]:
    """Of all rules and tasks of a snapshot, the rules in their order first."""
    found: list[Oddity] = []
    for index, rule in enumerate(snapshot.rules):
        found += [Oddity(rule.id, "", text) for text in _of_rule(rule, snapshot)]
        found += [Oddity(rule.id, "", text) for text in _beside(rule, snapshot.rules[:index])]
    for task in snapshot.tasks.values():
        measured = snapshot.measured.get(task.slug, NOTHING_MEASURED)
        found += [Oddity("", task.slug, text) for text in _of_task(task, measured)]
    found += [Oddity("", "", text) for text in _of_budgets(snapshot)]
    return found


def _of_rule(rule: Rule, snapshot: Snapshot) -> Iterable[str]:
    said = {"rule": called(rule)}
    if any(isinstance(condition, Never) for condition in rule.conditions):
        yield _("%(rule)s never matches: it has no target in use.") % said
        return
    for condition in rule.conditions:
        if isinstance(condition, Tasks):
            for slug in sorted(condition.slugs - snapshot.tasks.keys()):
                yield _("%(rule)s asks for task/%(task)s, which there is not.") % {**said, "task": slug}
        if (
            isinstance(condition, BudgetShare)
            and condition.budget
            and rule.is_own
            and not _is_there(condition.budget, snapshot)
        ):
            words = {**said, "budget": condition.budget}
            yield _("%(rule)s asks for the budget “%(budget)s”, which is not in use.") % words
    yield from (
        _("%(rule)s: %(text)s") % {**said, "text": text} for text in _of_chain(rule.targets, rule.choice.quality_floor)
    )


def called(rule: Rule) -> str:
    """How sentences about it begin."""
    return _("Rule “%(name)s”") % {"name": rule.name}


def _is_there(budget: str, snapshot: Snapshot) -> bool:
    return any(limit.name == budget for limit in snapshot.limits.limits)


def _of_budgets(snapshot: Snapshot) -> Iterable[str]:
    for limit in snapshot.limits.limits:
        if limit.cheaper_model and limit.cheaper_model not in snapshot.models:
            words = {"budget": limit.name, "model": limit.cheaper_model}
            yield _("The budget “%(budget)s” calls for %(model)s when it runs low, which there is not.") % words


def _of_task(task: Task, measured: Mapping[str, Measured]) -> Iterable[str]:
    return (f"task/{task.slug}: {text}" for text in _of_chain(task.chain, task.choice.quality_floor, measured))


def _of_chain(
    models: Sequence[Model], floor: int | None, measured: Mapping[str, Measured] = NOTHING_MEASURED
) -> Iterable[str]:
    providers = {model.provider.name for model in models}
    if len(providers) == 1:
        (name,) = providers
        yield _("all its models are at %(provider)s; when it is down, nobody answers.") % {"provider": name}
    unpriced = [model.name for model in models if model.price is None]
    if unpriced:
        text = ngettext(
            "%(models)s has no price and is never used.", "%(models)s have no price and are never used.", len(unpriced)
        )
        yield text % {"models": ", ".join(unpriced)}
    if floor is not None:
        low = [model.name for model in models if quality.below(model, floor, measured)]
        if low:
            text = ngettext(
                "%(models)s is below the least quality of %(floor)s, or of unknown quality, and is left out.",
                "%(models)s are below the least quality of %(floor)s, or of unknown quality, and are left out.",
                len(low),
            )
            yield text % {"models": ", ".join(low), "floor": floor}


def _beside(rule: Rule, earlier: Sequence[Rule]) -> Iterable[str]:
    """What an earlier rule of the same owner does to it."""
    for other in earlier:
        if other.is_own != rule.is_own or not other.targets or not rule.targets:
            continue
        if conditions.cover(other.conditions, rule.conditions):
            words = {"rule": called(rule), "other": other.name}
            yield _("%(rule)s never matches: “%(other)s”, which is asked before it, takes all of its requests.") % words
            return
    for other in earlier:
        if _swap(rule, other):
            text = _(
                "Rules “%(one)s” and “%(other)s” send each other's models to each other. Rules are applied once, so this does not go "
                "round, but the two just change places."
            )
            yield text % {"one": other.name, "other": rule.name}


def _swap(one: Rule, other: Rule) -> bool:
    return _leads_to(one, other) and _leads_to(other, one)


def _leads_to(one: Rule, other: Rule) -> bool:
    """Whether a first target of `one` is a name that `other` takes, but not one that `one` takes itself."""
    asks = next((condition for condition in other.conditions if isinstance(condition, Models)), None)
    own = next((condition for condition in one.conditions if isinstance(condition, Models)), None)
    if asks is None or own is None or not one.targets:
        return False
    name = one.targets[0].name
    return asks.takes(name) and not own.takes(name)
