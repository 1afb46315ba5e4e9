"""When circuit breakers of models that somebody may see were open. What a breaker counts is every tenant's calls of a provider's model."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.db.models import Q

from dashboards.ranges import Range
from gateway import breaker_history
from gateway.breaker_history import Span, Target
from gateway.models import Model
from tenants.models import Tenant


@dataclass(frozen=True)
class Stretch:
    """A breaker was not closed. `model` and `provider` are their names."""

    model: str
    provider: str
    span: Span

    @property
    def name(self) -> str:
        return f"{self.model} · {self.provider}"


def stretches(tenant: Tenant | None, span: Range) -> list[Stretch]:
    """Those that reach into the range, the latest first; of models that the tenant may call, or None: of all."""
    names = _names(tenant)
    end = min(span.end, span.now)
    if end <= span.start:
        return []
    found = breaker_history.spans(span.start, end, names.keys())
    return [Stretch(*names[one.provider_id, one.upstream_id], one) for one in found]


def open_ms(found: Sequence[Stretch], edges: Sequence[dt.datetime], end: dt.datetime) -> Mapping[str, list[float]]:
    """For how long each model's was open in each step, in milliseconds."""
    ends = [*edges[1:], end]
    sums: dict[str, list[float]] = {}
    for one in found:
        row = sums.setdefault(one.name, [0.0] * len(edges))
        for place, (start, until) in enumerate(zip(edges, ends, strict=True)):
            row[place] += one.span.within(start, until) / dt.timedelta(milliseconds=1)
    return sums


def _names(tenant: Tenant | None) -> dict[Target, tuple[str, str]]:
    rows = Model.objects.select_related("provider")
    if tenant is not None:
        rows = rows.filter(Q(tenant=None) | Q(tenant=tenant))
    return {(row.provider_id, row.effective_upstream_id): (row.name, row.provider.name) for row in rows.order_by("id")}
