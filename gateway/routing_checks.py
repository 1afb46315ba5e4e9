"""Whether a rule or a task may be saved as it is, and what is odd about it once it is. For the admin, and whatever else may edit them.

Refusals are sentences about what is about to be saved; oddities are about what is saved. Neither writes anything.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

from django.db.models import Prefetch, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from billing.models import Budget
from gateway import selectors
from gateway.models import Model, RoutingRule, RoutingTarget, Task
from gateway.routing import conditions, faults, oddities
from gateway.routing.faults import Candidate
from gateway.types import Condition, Snapshot
from tenants.models import Tenant


def refusals(rule: RoutingRule) -> list[tuple[str | None, str]]:
    """What is wrong with the rule besides what its fields say by themselves: (field, sentence), None for the whole of it."""
    return [
        *(("tasks", text) for text in _unknown_tasks(rule)),
        *(("budget", text) for text in _unknown_budget(rule)),
        *((None, text) for text in _duplicates(rule, rule.conditions())),
    ]


def chain_refusals(row: RoutingRule | Task, chain: Iterable[tuple[Model, int]]) -> list[str]:
    """What is wrong with the models (with their weights, in order) that the row is to choose among."""
    now = timezone.now()
    asked: tuple[Condition, ...] = row.conditions() if isinstance(row, RoutingRule) else ()
    return faults.of([_candidate(model, weight, now) for model, weight in chain], row.choice(), asked)


def oddities_of(row: RoutingRule | Task) -> list[str]:
    """What is odd about a saved rule or task among those it is in force with."""
    if not row.is_active:
        return []
    snapshot = in_force(row.tenant)
    name = row.slug if isinstance(row, Task) else ""
    rule_id = "" if isinstance(row, Task) else str(row.pk)
    return [item.text for item in oddities.of(snapshot) if (item.rule_id, item.task) == (rule_id, name)]


def oddities_in(snapshot: Snapshot) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """What is odd about each rule, by its id, and about each task, by its slug, without its name in front."""
    of_rules: dict[str, list[str]] = {}
    of_tasks: dict[str, list[str]] = {}
    names = {rule.id: oddities.called(rule) for rule in snapshot.rules}
    for item in oddities.of(snapshot):
        if item.rule_id:
            of_rules.setdefault(item.rule_id, []).append(_without(names[item.rule_id], item.text))
        elif item.task:
            of_tasks.setdefault(item.task, []).append(_without(f"task/{item.task}", item.text))
    return of_rules, of_tasks


def _without(name: str, text: str) -> str:
    return text.removeprefix(name).removeprefix(":").strip()


def in_force(tenant: Tenant | None) -> Snapshot:
    """The configuration of a tenant; of the operator alone without one."""
    return selectors.preview(tenant or Tenant(timezone="UTC"))


def _candidate(model: Model, weight: int, now: dt.datetime) -> Candidate:
    price = model.price_at(now)
    rate = None if price is None else price.base.input + price.base.output
    return Candidate(model.name, frozenset(model.capabilities), rate, model.quality, weight)


def _unknown_tasks(rule: RoutingRule) -> Iterable[str]:
    known = set(Task.objects.filter(_usable_by(rule), slug__in=rule.tasks).values_list("slug", flat=True))
    text = _("There is no task/%(task)s for the owner of this rule.")
    return (text % {"task": slug} for slug in rule.tasks if slug not in known)


def _unknown_budget(rule: RoutingRule) -> Iterable[str]:
    """The operator's rules may name what each tenant calls its budget."""
    if not rule.budget or rule.tenant_id is None:
        return
    if not Budget.objects.filter(tenant_id=rule.tenant_id, name=rule.budget).exists():
        yield _("There is no budget “%(name)s”.") % {"name": rule.budget}


def _duplicates(rule: RoutingRule, asked: tuple[Condition, ...]) -> Iterable[str]:
    """Rules of the same owner that ask for the very same: of two of them only one is ever asked."""
    if not rule.is_active:
        return
    targets = Prefetch("targets", RoutingTarget.objects.only("rule"))
    others = RoutingRule.objects.filter(tenant=rule.tenant, is_active=True).exclude(pk=rule.pk)
    for other in others.prefetch_related(targets):
        theirs = other.conditions()
        if other.targets.all() and conditions.cover(theirs, asked) and conditions.cover(asked, theirs):
            text = _("“%(name)s” has the same conditions. Change that one, or switch it off first.")
            yield text % {"name": other.name}


def _usable_by(row: RoutingRule) -> Q:
    return Q(tenant=None) | Q(tenant_id=row.tenant_id) if row.tenant_id is not None else Q(tenant=None)
