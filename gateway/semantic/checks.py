"""Hits that wait to be checked: who may be asked about now, within what budget, and what came of it. The asking is
`gateway.shadow_checks`'s.

A request is kept for a check encrypted, for minutes, and no longer than the check takes; what is left is a result and two numbers.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from django.db import transaction
from django.db.models import F, Sum

from billing import windows
from gateway.caching.semantic import Asked
from gateway.models import SemanticCheck, SemanticEntry, SemanticLabel
from gateway.semantic import terms, watch
from gateway.semantic.terms import Terms
from gateway.stores.nearest import Candidate
from gateway.types import Surface
from tenants import tenancy
from tenants.models import Tenant

logger = logging.getLogger(__name__)

KEPT = dt.timedelta(minutes=15)  # of a request that waits to be checked
CLAIMED = dt.timedelta(minutes=5)  # longer than any check takes
MOST_ATTEMPTS = 3
AT_ONCE_OF_TENANT = 5
Status = SemanticCheck.Status


@dataclass(frozen=True)
class Case:
    """A hit to be checked. `left_nanousd`: of the day's budget, before it."""

    check: SemanticCheck
    asked: Asked
    answer: str
    terms: Terms
    left_nanousd: int


@dataclass(frozen=True)
class Result:
    """`status` WAITING: it is to be tried again."""

    status: Status
    how: str
    cost_nanousd: int = 0


def expire(now: dt.datetime) -> int:
    """Forget the requests of hits that nobody came to check in time; returns how many."""
    overdue = SemanticCheck.objects.filter(status=Status.WAITING, hit_at__lt=now - KEPT)
    return overdue.update(status=Status.DROPPED, how="not in time", sealed="", checked_at=now)


def due(now: dt.datetime) -> list[list[Case]]:
    """A few cases of each tenant, claimed for `CLAIMED`; those that cannot be checked are dropped on the way."""
    waiting = SemanticCheck.objects.filter(status=Status.WAITING, due_at__lte=now)
    tenant_ids = list(waiting.order_by().values_list("tenant_id", flat=True).distinct())
    return [cases for tenant_id in tenant_ids if (cases := list(_cases(tenant_id, now)))]


def _cases(tenant_id: UUID, now: dt.datetime) -> Iterator[Case]:
    for check in _claim(tenant_id, now):
        wanted = terms.of(tenant_id, check.task)
        left = wanted.nanousd_per_day - _spent(tenant_id, check.task, now)
        if left <= 0:
            drop(check, "the day's budget for checks is used up", now)
            continue
        answer = _answer(check)
        if answer is None:
            drop(check, "the answer is gone", now)
            continue
        try:
            asked = msgspec.json.decode(check.sealed, type=Asked)
        except msgspec.MsgspecError:
            drop(check, "the request cannot be read", now)
            continue
        yield Case(check, asked, answer, wanted, left)


def _claim(tenant_id: UUID, now: dt.datetime) -> list[SemanticCheck]:
    with transaction.atomic():
        rows = SemanticCheck.objects.select_for_update(skip_locked=True)
        found = rows.filter(tenant_id=tenant_id, status=Status.WAITING, due_at__lte=now).order_by("due_at")
        claimed = list(found[:AT_ONCE_OF_TENANT])
        for check in claimed:
            check.due_at = now + CLAIMED
            check.attempts += 1
            check.save(update_fields=["due_at", "attempts"])
    return claimed


def _spent(tenant_id: UUID, task: str, now: dt.datetime) -> int:
    """By checks of the task's hits since the tenant's day began."""
    zone = ZoneInfo(Tenant.objects.values_list("timezone", flat=True).get(id=tenant_id))
    today = dt.datetime.fromtimestamp(windows.window("day", now.timestamp(), zone).start, dt.UTC)
    checks = SemanticCheck.objects.filter(tenant_id=tenant_id, task=task, hit_at__gte=today)
    return int(checks.aggregate(spent=Sum("cost_nanousd"))["spent"] or 0)


def _answer(check: SemanticCheck) -> str | None:
    """What the hit was given; None if the entry is gone, or was answered anew since."""
    with tenancy.entered(check.tenant_id):
        entry = SemanticEntry.objects.filter(
            tenant_id=check.tenant_id, id=check.entry_id, request_id=check.origin
        ).first()
    if entry is None:
        return None
    given = Candidate(
        entry.id, 1.0, entry.question, bytes(entry.body), Surface(entry.surface), entry.is_stream, entry.model, entry.provider,
        entry.request_id, entry.input_tokens, entry.output_tokens, entry.cost_nanousd, entry.answered_at,
    )  # fmt: skip
    return given.words.text if given.words is not None else None


def drop(check: SemanticCheck, why: str, now: dt.datetime) -> None:
    finish(check, Result(Status.DROPPED, why), now)


def finish(check: SemanticCheck, result: Result, now: dt.datetime) -> None:
    """Write down what came of a check, forget its request, and draw the consequences. Only the first result of a check counts."""
    if result.status == Status.WAITING and check.attempts < MOST_ATTEMPTS:
        later = now + dt.timedelta(seconds=30 * check.attempts)
        SemanticCheck.objects.filter(id=check.id).update(
            due_at=later, how=result.how[:200], cost_nanousd=F("cost_nanousd") + result.cost_nanousd
        )
        return
    status = Status.DROPPED if result.status == Status.WAITING else result.status
    with transaction.atomic():
        is_first = SemanticCheck.objects.filter(id=check.id, status=Status.WAITING).update(
            status=status,
            how=result.how[:200],
            cost_nanousd=F("cost_nanousd") + result.cost_nanousd,
            sealed="",
            checked_at=now,
        )
        if not is_first or status not in watch.JUDGED:
            return
        SemanticLabel.objects.update_or_create(
            tenant_id=check.tenant_id,
            request_id=check.request_id,
            source=SemanticLabel.Source.CHECK,
            defaults={
                "task": check.task,
                "similarity": check.similarity,
                "score": check.score,
                "is_right": status == Status.RIGHT,
                "at": now,
            },
        )
    watch.look(check.tenant_id, check.task)
