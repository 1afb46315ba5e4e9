"""What is odd about rules and tasks that are in force: allowed, but hardly meant. Refusals are in `gateway.routing.faults`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from gateway.routing import conditions, quality
from gateway.routing.conditions import BudgetShare, Models, Never, Tasks
from gateway.routing.quality import NOTHING_MEASURED
from gateway.types import Measured, Model, Rule, Snapshot, Task


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
    said = f"Rule “{rule.name}”"
    if any(isinstance(condition, Never) for condition in rule.conditions):
        yield f"{said} never matches: it has no target in use."
        return
    for condition in rule.conditions:
        if isinstance(condition, Tasks):
            for slug in sorted(condition.slugs - snapshot.tasks.keys()):
                yield f"{said} asks for task/{slug}, which there is not."
        if (
            isinstance(condition, BudgetShare)
            and condition.budget
            and rule.is_own
            and not _is_there(condition.budget, snapshot)
        ):
            yield f"{said} asks for the budget “{condition.budget}”, which is not in use."
    yield from (f"{said}: {text}" for text in _of_chain(rule.targets, rule.choice.quality_floor))


def _is_there(budget: str, snapshot: Snapshot) -> bool:
    return any(limit.name == budget for limit in snapshot.limits.limits)


def _of_budgets(snapshot: Snapshot) -> Iterable[str]:
    for limit in snapshot.limits.limits:
        if limit.cheaper_model and limit.cheaper_model not in snapshot.models:
            yield f"The budget “{limit.name}” calls for {limit.cheaper_model} when it runs low, which there is not."


def _of_task(task: Task, measured: Mapping[str, Measured]) -> Iterable[str]:
    return (f"task/{task.slug}: {text}" for text in _of_chain(task.chain, task.choice.quality_floor, measured))


def _of_chain(
    models: Sequence[Model], floor: int | None, measured: Mapping[str, Measured] = NOTHING_MEASURED
) -> Iterable[str]:
    providers = {model.provider.name for model in models}
    if len(providers) == 1:
        (name,) = providers
        yield f"all its models are at {name}; when it is down, nobody answers."
    unpriced = [model.name for model in models if model.price is None]
    if unpriced:
        yield f"{', '.join(unpriced)} has no price and is never used."
    if floor is not None:
        low = [model.name for model in models if quality.below(model, floor, measured)]
        if low:
            yield f"{', '.join(low)} is below the least quality of {floor}, or of unknown quality, and is left out."


def _beside(rule: Rule, earlier: Sequence[Rule]) -> Iterable[str]:
    """What an earlier rule of the same owner does to it."""
    for other in earlier:
        if other.is_own != rule.is_own or not other.targets or not rule.targets:
            continue
        if conditions.cover(other.conditions, rule.conditions):
            yield f"Rule “{rule.name}” never matches: “{other.name}”, which is asked before it, takes all of its requests."
            return
    for other in earlier:
        if _swap(rule, other):
            yield (
                f"Rules “{other.name}” and “{rule.name}” send each other's models to each other. Rules are applied once, so this does "
                "not go round, but the two just change places."
            )


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
