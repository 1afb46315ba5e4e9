"""Tasks, as people set them: the only place that writes them for a person. Edits are in force on the next request.

Raises `ValidationError` by field, `fallbacks` for the models after the first. Who may do it is the caller's to know (`tenants.roles`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from gateway import routing_rules
from gateway.models import RoutingRule, Task, TaskFallback
from gateway.routing_rules import Link


def save(task: Task, chain: Sequence[Link]) -> None:
    """The task as its fields say now; the first model of the chain is its default model, the others its fallbacks in order. Atomic."""
    if chain:
        task.default_model = chain[0].model
    _check(task, chain)
    try:
        with transaction.atomic():
            task.save()
            routing_rules.put_chain(task, TaskFallback, [{"model": link.model} for link in chain[1:]])
    except IntegrityError:
        _check_slug(task)  # given away since it was looked for
        raise


def switch(task: Task, *, is_active: bool) -> None:
    """Switched off, requests for it are answered as if it did not exist."""
    if task.is_active != is_active:
        task.is_active = is_active
        task.save()


def asking_for(task: Task, slug: str) -> list[str]:
    """The names of rules that the task's owner may change and that ask for that slug: after a renaming they match it no more."""
    rules = RoutingRule.objects.filter(tasks__contains=[slug], tenant=task.tenant)
    return list(rules.order_by("position", "name").values_list("name", flat=True))


def _check(task: Task, chain: Sequence[Link]) -> None:
    wrong: dict[str, list[Any]] = {}
    try:
        _check_slug(task)
        task.full_clean()
    except ValidationError as error:
        wrong = dict(error.error_dict)
    faults = routing_rules.chain_faults(task, chain) if chain else []
    if faults:
        wrong["fallbacks"] = faults
    if wrong:
        raise ValidationError(wrong)


def _check_slug(task: Task) -> None:
    if Task.objects.filter(tenant=task.tenant, slug=task.slug).exclude(pk=task.pk).exists():
        raise ValidationError({"slug": _("There is a task of this slug already.")})
