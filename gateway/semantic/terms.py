"""What is aimed at in watching a task's semantic cache, and what that may cost."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from gateway import selectors
from gateway.models import SemanticWatch
from gateway.types import CachePolicy

TARGET = CachePolicy().semantic_target  # where no policy says otherwise
NANO_PER_USD = 1_000_000_000


@dataclass(frozen=True)
class Terms:
    """`target`: the share of hits that may be false. `judge` empty: whatever the request asked for."""

    target: float
    judge: str
    nanousd_per_day: int


def of(tenant_id: UUID, task: str) -> Terms:
    """As the task's cache policy and its row say, or as new ones would."""
    caching = selectors.caching(tenant_id)
    policy = caching.of(task) if caching is not None else None
    row = SemanticWatch.objects.filter(tenant_id=tenant_id, task=task).first() or SemanticWatch()
    target = policy.semantic_target if policy is not None else TARGET
    return Terms(target=target, judge=row.judge, nanousd_per_day=int(Decimal(row.usd_per_day) * NANO_PER_USD))
