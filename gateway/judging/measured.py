"""Writes down how good models turn out to be, task by task, where routing's quality floor reads it.

By the answers of four weeks. A figure is written only when it has moved by some points, or a tenant's configuration would change with every
vote. One that nothing is known of any more is taken back, and the catalog's holds again.
"""

from __future__ import annotations

import datetime as dt
from uuid import UUID

from django.db import transaction

from gateway.judging import counting
from gateway.judging.counting import Asked
from gateway.models import Feedback, Judgement, MeasuredQuality
from gateway.quality import figures
from gateway.quality.figures import Figure

WINDOW = dt.timedelta(days=28)
LEAST_STEP = 2  # points


def tenants(now: dt.datetime) -> list[UUID]:
    """Those of whom anything is known, or was."""
    voted = Feedback.objects.filter(asked_at__gte=now - WINDOW).exclude(matched_at=None)
    judged = Judgement.objects.filter(answered_at__gte=now - WINDOW, status=Judgement.Status.SCORED)
    found = {*MeasuredQuality.objects.order_by().values_list("tenant_id", flat=True).distinct()}
    for rows in (voted, judged):
        found |= {*rows.order_by().values_list("tenant_id", flat=True).distinct()}
    return sorted(found)


def measure(tenant_id: UUID, now: dt.datetime) -> int:
    """Measure anew; returns how many figures were written or taken back. Scores that models gave themselves don't count. Idempotent."""
    counted = counting.counts(Asked([tenant_id], now - WINDOW, now, with_self=False), by=("task", "model"))
    known = {key: found for key, counts in counted.items() if key[1] and (found := figures.figure(counts)) is not None}
    written = 0
    with transaction.atomic():
        rows = MeasuredQuality.objects.select_for_update().filter(tenant_id=tenant_id)
        before: dict[tuple[str, ...], MeasuredQuality] = {(row.task, row.model): row for row in rows}
        for key, row in before.items():
            if key not in known:
                row.delete()
                written += 1
        for key, figure in known.items():
            written += _write(tenant_id, key, figure, before.get(key), now)
    return written


def _write(
    tenant_id: UUID, key: tuple[str, ...], figure: Figure, row: MeasuredQuality | None, now: dt.datetime
) -> bool:
    if row is not None and abs(row.quality - figure.quality) < LEAST_STEP and row.source == figure.source:
        return False
    row = row or MeasuredQuality(tenant_id=tenant_id, task=key[0], model=key[1])
    row.quality, row.answers, row.source, row.measured_at = *figure, now
    row.save()
    return True
