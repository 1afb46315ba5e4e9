"""Budgets and their temporary raises: the only place that writes them for a person. Edits are in force on the next request.

Every verb checks the whole row, raises `ValidationError` with what is wrong by field, and then has changed nothing. Who may do it is the
caller's to know (`tenants.roles`); the audit trail notes it by itself.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from billing import sentences
from billing.models import AlertChannel, Budget, BudgetRaise
from tenants.models import ApiKey, Tenant

NAME_LENGTH = 80


@dataclass(frozen=True)
class Values:
    """What people set of a budget. `name` empty: one is made of what it says. `channel_ids` None: every channel is told."""

    amount: Decimal
    name: str = ""
    scope: str = Budget.Scope.TENANT
    api_key_id: UUID | None = None
    subject: str = ""
    metric: str = Budget.Metric.USD
    window: str = Budget.Window.MONTH
    thresholds: tuple[int, ...] = (80,)
    cheaper_at: int | None = None
    cheaper_model: str = ""
    cached_only_at: int | None = None
    channel_ids: tuple[UUID, ...] | None = None
    is_active: bool = True


def values_of(budget: Budget) -> Values:
    fields = {name: getattr(budget, name) for name in Values.__dataclass_fields__}
    channel_ids = None if budget.channel_ids is None else tuple(budget.channel_ids)
    return Values(**{**fields, "thresholds": tuple(budget.thresholds), "channel_ids": channel_ids})


def create(tenant: Tenant, values: Values) -> Budget:
    budget = Budget(tenant=tenant)
    _put(budget, values)
    _save(budget)
    return budget


def change(budget: Budget, values: Values, *, now: dt.datetime) -> None:
    """The budget is to be thrown away if this raises."""
    if values.metric != budget.metric:
        refuse_other_metric(budget, now)
    _put(budget, values)
    _save(budget)


def switch(budget: Budget, *, is_active: bool) -> None:
    """Switched off it limits nothing, but goes on counting where another limit counts the same."""
    if budget.is_active != is_active:
        budget.is_active = is_active
        budget.save()


def delete(budget: Budget) -> None:
    """With its raises. Its alerts stay."""
    budget.delete()


def raise_temporarily(
    budget: Budget,
    *,
    amount: Decimal,
    ends_at: dt.datetime,
    reason: str,
    by: Any,
    now: dt.datetime,
    starts_at: dt.datetime | None = None,
) -> BudgetRaise:
    """A higher amount until `ends_at`. `by` is the person, or None."""
    if ends_at <= now:
        raise ValidationError({"ends_at": _("This is over already.")})
    item = BudgetRaise(
        tenant_id=budget.tenant_id,
        budget=budget,
        amount=amount,
        starts_at=starts_at or now,
        ends_at=ends_at,
        reason=reason,
        created_by=by,
    )
    item.full_clean()
    item.save()
    return item


def end_raise(item: BudgetRaise, now: dt.datetime) -> None:
    """End a raise early: one that has not begun is deleted, one that is over stays as it is."""
    if item.ends_at <= now:
        return
    if item.starts_at >= now:
        item.delete()
    else:
        item.ends_at = now
        item.save()


def refuse_other_metric(budget: Budget, now: dt.datetime) -> None:
    """Raised to 500,000 tokens would be raised to 500,000 dollars."""
    if BudgetRaise.objects.filter(budget_id=budget.pk, ends_at__gt=now).exists():
        raise ValidationError(
            {"metric": _("End this budget's temporary raises first: their amounts are in the old unit.")}
        )


def suggested_name(tenant: Tenant, budget: Budget) -> str:
    """A short name that says what the budget is about and that the tenant has not given yet."""
    name = sentences.short(budget)[: NAME_LENGTH - 5]
    rows = Budget.objects.filter(tenant=tenant, name__startswith=name).exclude(pk=budget.pk)
    taken = set(rows.values_list("name", flat=True))
    numbered = (f"{name} ({number})" for number in range(2, len(taken) + 3))
    return next(candidate for candidate in (name, *numbered) if candidate not in taken)


def _put(budget: Budget, values: Values) -> None:
    for field, value in vars(values).items():
        setattr(budget, field, value)
    budget.thresholds = sorted(set(values.thresholds))
    budget.channel_ids = None if values.channel_ids is None else list(values.channel_ids)
    if budget.cheaper_at is None:
        budget.cheaper_model = ""
    budget.api_key = _key(budget, values.api_key_id)
    if not values.name.strip():
        budget.name = suggested_name(budget.tenant, budget)
    _check_name(budget)
    budget.full_clean()
    _check_channels(budget)


def _save(budget: Budget) -> None:
    """Somebody else may have given the name away since it was looked for."""
    try:
        with transaction.atomic():
            budget.save()
    except IntegrityError:
        _check_name(budget)
        raise


def _check_name(budget: Budget) -> None:
    if Budget.objects.filter(tenant_id=budget.tenant_id, name=budget.name).exclude(pk=budget.pk).exists():
        raise ValidationError({"name": _("Another budget is called that already.")})


def _key(budget: Budget, key_id: UUID | None) -> ApiKey | None:
    if key_id is None:
        return None
    key = ApiKey.objects.filter(pk=key_id, tenant_id=budget.tenant_id).first()
    if key is None:
        raise ValidationError({"api_key": _("There is no such API key.")})
    return key


def _check_channels(budget: Budget) -> None:
    wanted = set(budget.channel_ids or ())
    known = set(AlertChannel.objects.filter(tenant_id=budget.tenant_id, pk__in=wanted).values_list("pk", flat=True))
    if wanted - known:
        raise ValidationError({"channel_ids": _("There is no such alert channel.")})
