"""Where budgets stand: what the ledger says was used of each in its current window. To be looked at; enforcement counts in Redis.

Budgets without a subject show the subjects that used most. This is for lists over many tenants; what a console shows of its own tenant is
`billing.in_force`'s.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import models
from django.utils.translation import gettext as _

from billing import ledger_questions, limits, windows
from billing.ledger_questions import Question
from billing.models import Budget
from billing.windows import Window
from tenants.models import ApiKey


@dataclass(frozen=True)
class Use:
    """What one subject has used, in requests, tokens or USD. `name` is for people."""

    subject: str
    name: str
    used: Decimal
    percent: int  # of the amount in force, rounded down: 100 is all of it; above 100 where the amount was lowered


@dataclass(frozen=True)
class Standing:
    """A budget at one moment. `amount` is the one in force. `uses` has most first; None: adding it up took too long."""

    window: Window
    zone: dt.tzinfo
    amount: Decimal
    raised_until: dt.datetime | None
    uses: tuple[Use, ...] | None


@dataclass(frozen=True)
class _Asked:
    """One budget's question to the ledger."""

    budget: Budget
    question: Question

    @property
    def is_each(self) -> bool:
        return self.question.subject is None


def standing(budgets: Iterable[Budget], now: dt.datetime) -> dict[UUID, Standing]:
    """Each budget's standing at `now`, by its id. Asks the database as often for one as for many."""
    rows = list(budgets)
    models.prefetch_related_objects(rows, "tenant", "raises", "api_key")
    asked = [_asked(budget, now) for budget in rows]
    answers = ledger_questions.ask([item.question for item in asked])
    used = {item.budget.id: answer for item, answer in zip(asked, answers, strict=True) if answer is not None}
    names = _key_names(asked, used)
    return {item.budget.id: _standing(item, used.get(item.budget.id), names, now) for item in asked}


def amount_in_force(budget: Budget, now: dt.datetime) -> tuple[Decimal, dt.datetime | None]:
    """The highest of the budget's own amount and of the raises in force; and, if it is a raise's, until when."""
    amount, until = budget.amount, None
    for item in budget.raises.all():
        if item.starts_at <= now < item.ends_at and (item.amount, item.ends_at) > (amount, until or now):
            amount, until = item.amount, item.ends_at
    return amount, until


def _asked(budget: Budget, now: dt.datetime) -> _Asked:
    zone = ZoneInfo(budget.tenant.timezone)
    is_each = budget.scope != limits.TENANT and not budget.counted_subject
    question = Question(
        tenant_id=budget.tenant_id,
        dimension=budget.scope,
        subject=None if is_each else budget.counted_subject,
        metric=budget.metric,
        window=windows.window(budget.window, now.timestamp(), zone),
        zone=zone,
    )
    return _Asked(budget, question)


def _standing(
    asked: _Asked, used: list[tuple[str, Decimal]] | None, names: dict[str, str], now: dt.datetime
) -> Standing:
    amount, until = amount_in_force(asked.budget, now)
    uses = None
    if used is not None:
        if not used and not asked.is_each:
            used = [(asked.budget.counted_subject, Decimal(0))]
        uses = tuple(
            Use(subject, _name(asked.budget, subject, names), usage, _percent(usage, amount)) for subject, usage in used
        )
    return Standing(asked.question.window, asked.question.zone, amount, until, uses)


def _percent(used: Decimal, amount: Decimal) -> int:
    return int(used * 100 // amount) if amount else 100


def _name(budget: Budget, subject: str, names: dict[str, str]) -> str:
    if budget.scope == limits.TENANT:
        return str(budget.tenant)
    if budget.scope != limits.KEY:
        return subject
    return names.get(subject) or _("deleted (%(id)s)") % {"id": subject}


def _key_names(asked: Sequence[_Asked], used: dict[UUID, list[tuple[str, Decimal]]]) -> dict[str, str]:
    """What the keys are called that are shown, among the budgets' own tenants."""
    ids = {
        subject for item in asked if item.budget.scope == limits.KEY for subject, _usage in used.get(item.budget.id, [])
    }
    ids |= {item.budget.counted_subject for item in asked if item.budget.scope == limits.KEY and not item.is_each}
    if not ids:
        return {}
    keys = ApiKey.objects.filter(pk__in=ids, tenant_id__in={item.budget.tenant_id for item in asked})
    return {str(key.pk): str(key) for key in keys}
