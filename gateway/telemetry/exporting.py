"""Sends the traces that wait to the collector. While it is away they wait on: nothing is given up within a day. What it refuses for good
does not hold up the others: a batch with such a request is sent in halves, until that one is alone, and dropped.

At least once: a worker that dies after the collector has taken a batch sends it again, under the same ids, and so it is with the halves of
one that could not be sent to its end.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import lru_cache
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Q

from gateway import trace_exports
from gateway.content import reading
from gateway.content.reading import Read
from gateway.models import Provider, RequestLog
from gateway.telemetry.collector import Collector, Reply
from gateway.telemetry.spans import Request, Spans
from gateway.trace_exports import Noted
from tenants.encryption import UndecryptableError
from tenants.models import Tenant

logger = logging.getLogger(__name__)
BATCH = 200
BATCH_WITH_CONTENT = 20  # what was said is long, and collectors take some 20 MiB at once
CONTENT_SECONDS = 10  # by then what was said has come in, too


class NotTaken(Exception):
    """The collector is away; its client has logged why."""


@lru_cache(maxsize=1)
def collector() -> Collector:
    return Collector()


@lru_cache(maxsize=1)
def _spans() -> Spans:
    return Spans()


def export(now: dt.datetime, *, to: Collector | None = None) -> int:
    """Send a batch; returns how many requests were in it, 0 if none waits. Raises `NotTaken`, and the batch waits on."""
    ready = now - dt.timedelta(seconds=CONTENT_SECONDS if settings.OTEL_CONTENT else 0)
    with transaction.atomic():
        most = BATCH_WITH_CONTENT if settings.OTEL_CONTENT else BATCH
        taken = trace_exports.take(limit=most, noted_before=ready)
        refused = _send(to or collector(), list(_requests(taken)))
        if refused:
            logger.error("the collector refuses %d of %d traces for good; they are dropped", refused, len(taken))
            trace_exports.count_dropped(refused, why=trace_exports.REFUSED)
    return len(taken)


def _send(to: Collector, requests: Sequence[Request]) -> int:
    """Returns how many of them are refused for good."""
    spans = [span for request in requests for span in _spans().of(request)]
    if not spans:  # a caller did not wish them to be sampled
        return 0
    reply = to.send(spans)
    if reply is Reply.AWAY:
        raise NotTaken
    if reply is Reply.TAKEN:
        return 0
    if len(requests) == 1:
        return 1
    middle = len(requests) // 2
    return _send(to, requests[:middle]) + _send(to, requests[middle:])


def _requests(taken: Sequence[Noted]) -> Iterable[Request]:
    """Those that are still in the log."""
    if not taken:
        return
    times = [item.accepted_at for item in taken]
    rows = RequestLog.objects.filter(
        accepted_at__gte=min(times), accepted_at__lte=max(times), request_id__in=[item.request_id for item in taken]
    )
    by_request: dict[UUID, list[RequestLog]] = defaultdict(list)
    for row in rows:
        by_request[row.request_id].append(row)
    tenants = dict(Tenant.objects.filter(pk__in={item.tenant_id for item in taken}).values_list("pk", "slug"))
    kinds = _kinds(set(tenants))
    for item in taken:
        found = sorted(by_request[item.request_id], key=lambda row: (row.is_final, row.attempt))
        if found:
            content = _content(item) if settings.OTEL_CONTENT else None
            yield Request(found, tenants.get(item.tenant_id, ""), kinds[item.tenant_id], content)


def _kinds(tenants: set[UUID]) -> dict[UUID, dict[str, str]]:
    """Of each tenant's providers, by name: what the conventions call them. A compatible server goes by its name."""
    rows = Provider.objects.filter(Q(tenant=None) | Q(tenant_id__in=tenants), kind__in=("openai", "anthropic"))
    named = list(rows.values_list("tenant_id", "name", "kind"))
    shared = {name: kind for owner, name, kind in named if owner is None}
    found: dict[UUID, dict[str, str]] = defaultdict(lambda: shared)
    for tenant_id in tenants:
        found[tenant_id] = {**shared, **{name: kind for owner, name, kind in named if owner == tenant_id}}
    return found


def _content(item: Noted) -> Read | None:
    try:
        return reading.of(item.tenant_id, item.request_id)
    except UndecryptableError:
        return None
