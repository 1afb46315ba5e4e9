"""What is aimed at in watching a task's semantic cache, and what that may cost."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from gateway.models import SemanticWatch

TARGET = 0.02  # false hits among hits
NANO_PER_USD = 1_000_000_000


@dataclass(frozen=True)
class Terms:
    """`judge` empty: whatever the request asked for."""

    target: float
    judge: str
    nanousd_per_day: int


def of(tenant_id: UUID, task: str) -> Terms:
    """As a task's row says, or as a new one would."""
    row = SemanticWatch.objects.filter(tenant_id=tenant_id, task=task).first() or SemanticWatch()
    return Terms(target=TARGET, judge=row.judge, nanousd_per_day=int(Decimal(row.usd_per_day) * NANO_PER_USD))
