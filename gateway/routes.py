"""Tasks and routing rules with their models: saved, put in order and removed. For the management API; the pages' forms check the same
(`gateway.routing_checks`).

What is saved is saved whole, the row and its chain, or not at all. Edits are in force on the next request.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from gateway import routing_checks
from gateway.models import ContextPolicy, Model, RoutingRule, RoutingTarget, Task, TaskFallback
from tenants.models import Tenant

STEP = 10  # between positions, so that one can be put in between by hand


@dataclass(frozen=True)
class Target:
    """One of a rule's models. The weight counts for the strategy by weight only."""

    model: Model
    weight: int = 1


def save_task(task: Task, fallbacks: Sequence[Model] | None = None) -> None:
    """Save a new or an edited one; its fallbacks in this order, or as they are. Raises `ValidationError` by field."""
    kept = [link.model for link in task.fallbacks.order_by("position")] if not task._state.adding else []
    models = list(kept if fallbacks is None else fallbacks)
    with transaction.atomic():
        task.full_clean()
        _refuse(
            "fallbacks", routing_checks.chain_refusals(task, [(model, 1) for model in (task.default_model, *models)])
        )
        task.save()
        if fallbacks is not None:
            _put(TaskFallback, "fallbacks", {"task": task}, [{"model": model} for model in models])


def save_rule(rule: RoutingRule, targets: Sequence[Target] | None = None) -> None:
    """Save a new or an edited one; its targets in this order, or as they are. Raises `ValidationError` by field."""
    kept = [] if rule._state.adding else [Target(link.model, link.weight) for link in rule.targets.order_by("position")]
    wanted = list(kept if targets is None else targets)
    with transaction.atomic():
        rule.full_clean()
        for field, text in routing_checks.refusals(rule):
            raise ValidationError({field: text} if field else text)
        _refuse("targets", routing_checks.chain_refusals(rule, [(item.model, item.weight) for item in wanted]))
        rule.save()
        if targets is not None:
            _put(RoutingTarget, "targets", {"rule": rule}, [vars(item) for item in wanted])


def order_rules(tenant: Tenant, ids: Sequence[UUID]) -> None:
    """Have the tenant's own rules asked in this order. Raises `ValidationError` unless these are all of them, once each."""
    with transaction.atomic():
        rules = {rule.pk: rule for rule in RoutingRule.objects.select_for_update().filter(tenant=tenant)}
        if sorted(ids) != sorted(rules):
            raise ValidationError({"rules": _("Name each of your own rules once, and no others.")})
        for place, rule_id in enumerate(ids, start=1):
            rule = rules[rule_id]
            if rule.position != place * STEP:
                rule.position = place * STEP
                rule.save()


def remove(row: Task | RoutingRule | ContextPolicy) -> None:
    """Delete it with what is part of it."""
    row.delete()


def _put(link_model: Any, field: str, chain: dict[str, Any], wanted: Sequence[dict[str, Any]]) -> None:
    """Make the chain this one, and leave alone what is right already, so that the audit trail says what changed."""
    present = {link.model_id: link for link in link_model.objects.filter(**chain)}
    ids = [item["model"].pk for item in wanted]
    if len(set(ids)) < len(ids):
        raise ValidationError({field: _("Each model stands in it once.")})
    for model_id, link in present.items():
        if model_id not in ids:
            link.delete()
    for position, item in enumerate(wanted, start=1):
        link = present.get(item["model"].pk) or link_model(**chain)
        values = {**item, "position": position}
        if link._state.adding or any(getattr(link, name) != value for name, value in values.items()):
            for name, value in values.items():
                setattr(link, name, value)
            try:
                link.full_clean()
            except ValidationError as error:
                raise ValidationError({field: error.messages}) from error
            link.save()


def _refuse(field: str, texts: Sequence[str]) -> None:
    if texts:
        raise ValidationError({field: list(texts)})
