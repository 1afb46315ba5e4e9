"""Routing rules and the chains of models: the only place that writes rules for a person. Edits are in force on the next request.

Every verb that may be refused raises `ValidationError` with what is wrong by field, `targets` for the models, and then has changed nothing.
Who may do it is the caller's to know (`tenants.roles`); the audit trail notes it by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import F, Max, QuerySet
from django.utils.translation import gettext as _

from gateway import routing_checks
from gateway.models import Model, RoutingRule, RoutingTarget
from tenants.models import Tenant

STEP = 10  # between positions, so that one may be put between two by hand


@dataclass(frozen=True)
class Link:
    """A model in a chain. The weight counts for rules whose strategy is by weight."""

    model: Model
    weight: int = 1


class StaleOrder(Exception):
    """The rules are no longer those, or not in the order, that somebody has looked at."""


def save(rule: RoutingRule, targets: Sequence[Link]) -> None:
    """The rule as its fields say now, with these targets in order. A new one goes to the end of its owner's. Atomic."""
    check(rule, targets)
    with transaction.atomic():
        if rule._state.adding:
            rule.position = _last_position(rule.tenant) + STEP
        rule.save()
        put_chain(rule, RoutingTarget, [{"model": link.model, "weight": link.weight} for link in targets])


def check(rule: RoutingRule, targets: Sequence[Link]) -> None:
    """Raises `ValidationError` with all that is wrong."""
    wrong: dict[str, list[Any]] = {}
    try:
        rule.full_clean()
    except ValidationError as error:
        wrong = dict(error.error_dict)
    else:
        for field, text in routing_checks.refusals(rule):
            wrong.setdefault(field or "__all__", []).append(ValidationError(text))
    faults = chain_faults(rule, targets)
    if faults:
        wrong["targets"] = faults
    if wrong:
        raise ValidationError(wrong)


def switch(rule: RoutingRule, *, is_active: bool) -> None:
    """Raises `ValidationError` where another rule in use asks for the very same."""
    if rule.is_active == is_active:
        return
    rule.is_active = is_active
    refusals = routing_checks.refusals(rule) if is_active else []
    if refusals:
        raise ValidationError([ValidationError(text) for _field, text in refusals])
    rule.save()


def reorder(tenant: Tenant, *, seen: Sequence[UUID], wanted: Sequence[UUID]) -> None:
    """Put the tenant's rules into the order `wanted`. Atomic; raises `StaleOrder` unless they are now in the order `seen`.

    Of two people who do it at once the second waits for the first, and is refused.
    """
    with transaction.atomic():
        # Locked first and read again, for PostgreSQL sorts before it waits for a lock.
        list(RoutingRule.objects.filter(tenant=tenant).select_for_update().values_list("pk"))
        rows = list(in_order(RoutingRule.objects.filter(tenant=tenant)))
        if [row.pk for row in rows] != list(seen) or sorted(wanted) != sorted(seen):
            raise StaleOrder
        by_id = {row.pk: row for row in rows}
        for number, rule_id in enumerate(wanted, start=1):
            row = by_id[rule_id]
            if row.position != number * STEP:
                row.position = number * STEP
                row.save(update_fields=["position"])


def in_order(rules: QuerySet[RoutingRule]) -> QuerySet[RoutingRule]:
    """As they are asked: a tenant's own before the operator's (`gateway.selectors`)."""
    return rules.order_by(F("tenant_id").asc(nulls_last=True), "position", "name", "id")


def chain_faults(row: Any, links: Sequence[Link]) -> list[ValidationError]:
    """What is wrong with a chain of models for a rule or a task."""
    found = []
    if len({link.model.pk for link in links}) < len(links):
        found.append(ValidationError(_("A model stands in a chain once.")))
    for link in links:
        try:
            row.refuse_foreign("model", link.model)
        except ValidationError as error:
            found += error.error_dict["model"]
    faults = routing_checks.chain_refusals(row, [(link.model, link.weight) for link in links])
    return [*found, *map(ValidationError, faults)]


def put_chain(owner: Any, kind: Any, links: Iterable[dict[str, Any]]) -> None:
    """Make the owner's links of a kind (`RoutingTarget`, `TaskFallback`) these, in order. Those that stay as they are are left alone."""
    present = {link.model_id: link for link in kind.objects.filter(**{kind.chain_field: owner})}
    for position, values in enumerate(links, start=1):
        link = present.pop(values["model"].pk, None)
        fresh = {**values, "position": position}
        if link is None:
            kind(**{kind.chain_field: owner}, **fresh).save()
        elif any(getattr(link, name) != value for name, value in fresh.items() if name != "model"):
            for name, value in fresh.items():
                setattr(link, name, value)
            link.save()
    for link in present.values():
        link.delete()


def _last_position(tenant: Tenant | None) -> int:
    return RoutingRule.objects.filter(tenant=tenant).aggregate(last=Max("position"))["last"] or 0
