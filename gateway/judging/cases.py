"""Answers that wait to be judged: which ones now, and what came of it.

A worker claims a case for longer than judging takes; of two that judge the same after all, the first one's verdict counts. What was asked
and answered is forgotten with the verdict, or after half an hour.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

import msgspec
from django.conf import settings
from django.db import transaction
from django.db.models import F

from gateway.models import Judgement, JudgePolicy, LabeledAnswer
from gateway.quality import judge, labels
from gateway.quality.judge import Verdict
from gateway.quality.judged import Texts

logger = logging.getLogger(__name__)

KEPT = dt.timedelta(minutes=30)  # of an answer that waits
CLAIMED = dt.timedelta(minutes=5)  # longer than any judging takes
MOST_ATTEMPTS = 3
AT_ONCE_OF_TENANT = 10
Status = Judgement.Status


@dataclass(frozen=True)
class Case:
    """An answer to be judged. `conversation` and `answer` are what the judge is shown."""

    row: Judgement
    policy: JudgePolicy
    key: str
    conversation: str
    answer: str


@dataclass(frozen=True)
class Result:
    """`verdict` None: there is none, and `why` says why not. `may_retry`: it is worth another try. `judge`: the model that judged."""

    verdict: Verdict | None = None
    why: str = ""
    status: Judgement.Status = Status.DROPPED
    may_retry: bool = False
    judge: str = ""
    cost_nanousd: int = 0


def expire(now: dt.datetime) -> int:
    """Forget answers that nobody came to judge in time; returns how many."""
    overdue = Judgement.objects.filter(status=Status.WAITING, answered_at__lt=now - KEPT)
    return overdue.update(status=Status.DROPPED, why="not in time", sealed="", judged_at=now)


def forget(now: dt.datetime) -> int:
    """Delete judgements that are older than the installation keeps requests; returns how many."""
    before = now - dt.timedelta(days=settings.REQUEST_LOG_RETENTION_DAYS)
    return Judgement.objects.filter(answered_at__lt=before).delete()[0]


def due(now: dt.datetime) -> list[list[Case]]:
    """A few cases of each tenant, claimed; those that cannot be judged are dropped on the way."""
    waiting = Judgement.objects.filter(status=Status.WAITING, due_at__lte=now)
    tenant_ids = list(waiting.order_by().values_list("tenant_id", flat=True).distinct())
    return [cases for tenant_id in tenant_ids if (cases := list(_cases(tenant_id, now)))]


def _cases(tenant_id: UUID, now: dt.datetime) -> Iterator[Case]:
    policies = {row.task: row for row in JudgePolicy.objects.filter(tenant_id=tenant_id, is_active=True)}
    for row in _claim(tenant_id, now):
        policy = policies.get(row.task)
        if policy is None:
            finish(row, Result(why="judging was switched off"), now)
            continue
        texts = _texts(row.sealed)
        if isinstance(texts, str):
            finish(row, Result(why=texts), now)
            continue
        yield Case(row, policy, *texts)


def _claim(tenant_id: UUID, now: dt.datetime) -> list[Judgement]:
    with transaction.atomic():
        rows = Judgement.objects.select_for_update(skip_locked=True)
        found = rows.filter(tenant_id=tenant_id, status=Status.WAITING, due_at__lte=now).order_by("due_at")
        claimed = list(found[:AT_ONCE_OF_TENANT])
        for row in claimed:
            row.due_at = now + CLAIMED
            row.attempts += 1
            row.save(update_fields=["due_at", "attempts"])
    return claimed


def _texts(sealed: str) -> tuple[str, str, str] | str:
    """Key, conversation and answer; or why there are none to be judged."""
    try:
        texts = msgspec.json.decode(sealed, type=Texts)
    except msgspec.MsgspecError:
        return "the answer cannot be read"
    words = judge.answer_of(texts.endpoint, texts.body)
    conversation = judge.conversation_of(texts.content)
    if not words or not conversation:
        return "there is no text to judge"
    return texts.key, conversation, words


def finish(row: Judgement, result: Result, now: dt.datetime, case: Case | None = None) -> bool:
    """Write down what came of it and forget the texts; or put it off. Only the first verdict on an answer counts; whether this one did."""
    mine = Judgement.objects.filter(id=row.id, status=Status.WAITING)
    cost = F("cost_nanousd") + result.cost_nanousd
    if result.verdict is None and result.may_retry and row.attempts < MOST_ATTEMPTS:
        mine.update(due_at=now + dt.timedelta(seconds=30 * row.attempts), why=result.why[:200], cost_nanousd=cost)
        return False
    verdict = result.verdict
    values = {
        "status": Status.SCORED if verdict is not None else result.status,
        "why": "" if verdict is not None else result.why[:200],
        "score": verdict.score if verdict is not None else None,
        "is_good": verdict.is_good if verdict is not None else None,
        "faults": list(verdict.faults) if verdict is not None else [],
        "judge": result.judge,
        "is_self": bool(result.judge) and result.judge == row.model,
        "answer_characters": len(case.answer) if case is not None else 0,
    }
    with transaction.atomic():
        if not mine.update(**values, sealed="", judged_at=now, cost_nanousd=cost):
            return False
        if verdict is not None and case is not None and case.policy.teaches:
            labels.record(
                row.tenant_id,
                request_id=row.request_id,
                prompt=case.conversation,
                answer=case.answer,
                is_good=verdict.is_good,
                source=LabeledAnswer.Source.JUDGE,
                task=row.task,
            )
    return True
