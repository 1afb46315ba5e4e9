"""Where budgets stand: what the ledger says was used of each in its current window. To be looked at; enforcement counts in Redis.

Budgets without a subject show the subjects that used most. However many budgets there are, the ledger is asked twice: for what
an index answers, and for what has to be added up over many rows, which is given up after a while.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import OperationalError, connection, models, transaction
from django.utils.translation import gettext as _

from billing import limits, selectors, windows
from billing.models import Budget
from billing.windows import Window
from tenants.models import ApiKey

TOP = 5
TIMEOUT_MS = 2000
_OF_DAYS = {
    limits.REQUESTS: "sum(requests)",
    limits.TOKENS: "sum(input_tokens + output_tokens)",
    limits.USD: "sum(cost_usd)",
}
_OF_LOG = {
    limits.TOKENS: "sum(input_tokens + output_tokens)",
    limits.USD: "sum(cost_usd)",
}


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
    window: Window
    zone: dt.tzinfo

    @property
    def is_each(self) -> bool:
        return self.budget.scope != limits.TENANT and not self.budget.counted_subject

    @property
    def is_from_log(self) -> bool:
        return self.window.kind in ("minute", "hour")


def standing(budgets: Iterable[Budget], now: dt.datetime) -> dict[UUID, Standing]:
    """Each budget's standing at `now`, by its id. Asks the database as often for one as for many."""
    rows = list(budgets)
    models.prefetch_related_objects(rows, "tenant", "raises", "api_key")
    asked = [_asked(budget, now) for budget in rows]
    used = _used(asked)
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
    return _Asked(budget, windows.window(budget.window, now.timestamp(), zone), zone)


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
    return Standing(asked.window, asked.zone, amount, until, uses)


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


def _used(asked: Sequence[_Asked]) -> dict[UUID, list[tuple[str, Decimal]]]:
    """Budget → (subject, usage), most first. Without those that could not be added up in time."""
    quick = [item for item in asked if not item.is_each and not item.is_from_log]
    slow = [item for item in asked if item.is_each or item.is_from_log]
    found: dict[UUID, list[tuple[str, Decimal]]] = {}
    for group in (quick, slow):
        rows = _ask(group) if group else []
        if rows is None:
            continue
        found |= {item.budget.id: [] for item in group}
        for place, subject, usage in sorted(rows, key=lambda row: (row[0], -row[2], row[1])):
            found[group[place].budget.id].append((subject, Decimal(usage)))
    return found


def _ask(group: Sequence[_Asked]) -> list[Any] | None:
    """All the questions in one statement; None if it takes too long."""
    parts = [
        _from_log(place, item) if item.is_from_log else _from_days(place, item) for place, item in enumerate(group)
    ]
    sql = " UNION ALL ".join(f"({part})" for part, _args in parts)
    args = [arg for _part, args in parts for arg in args]
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL statement_timeout = {TIMEOUT_MS}")
            cursor.execute(sql, args)
            rows: list[Any] = cursor.fetchall()
            cursor.execute("SET LOCAL statement_timeout = DEFAULT")
    except OperationalError:
        return None
    return rows


def _from_days(place: int, asked: _Asked) -> tuple[str, list[Any]]:
    budget, window = asked.budget, asked.window
    where = "tenant_id = %s AND dimension = %s"
    args: list[Any] = [budget.tenant_id, budget.scope]
    if not asked.is_each:
        where += " AND subject = %s"
        args.append(budget.counted_subject)
    if window.end is not None:
        where += " AND day >= %s AND day < %s"
        args += [dt.datetime.fromtimestamp(at, asked.zone).date() for at in (window.start, window.end)]
    return (
        f"SELECT {place}, subject::text, {_OF_DAYS[budget.metric]} AS used FROM billing_dailyusage "  # noqa: S608
        f"WHERE {where} GROUP BY subject ORDER BY used DESC, subject LIMIT {TOP}"
    ), args


def _from_log(place: int, asked: _Asked) -> tuple[str, list[Any]]:
    budget, window = asked.budget, asked.window
    assert window.end is not None
    subject = selectors._LEDGER_SUBJECTS[budget.scope]
    amount = _OF_LOG.get(budget.metric) or selectors.counted_requests(budget.scope)
    source = "gateway_requestlog, unnest(tags) AS tag" if budget.scope == limits.TAG else "gateway_requestlog"
    where = "tenant_id = %s AND accepted_at >= %s AND accepted_at < %s"
    args: list[Any] = [budget.tenant_id, *(dt.datetime.fromtimestamp(at, dt.UTC) for at in (window.start, window.end))]
    if budget.scope != limits.TENANT:
        where += f" AND {subject} <> ''"
    if budget.scope == limits.TIER:
        where += " AND end_user <> ''"
    if not asked.is_each:
        where += f" AND {subject} = %s"
        args.append(budget.counted_subject)
    return (
        f"SELECT {place}, {subject}::text, {amount} AS used FROM {source} "  # noqa: S608
        f"WHERE {where} GROUP BY 2 ORDER BY used DESC, 2 LIMIT {TOP}"
    ), args
