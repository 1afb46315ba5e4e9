"""GET /v1/budgets and GET /v1/usage: where an application stands, before it is refused."""

from __future__ import annotations

import datetime as dt
import time
from decimal import Decimal
from functools import partial
from typing import Any

from drf_spectacular.utils import extend_schema_view

from billing import limits
from gateway import runtime, standings
from gateway.api import schemas
from gateway.api.base import GatewayView
from gateway.api.lean import WholeResponse
from gateway.errors import InvalidRequest, PermissionDenied
from gateway.pipeline.refusals import shown
from gateway.pipeline.validator import MAX_END_USER, MAX_TAGS
from gateway.standings import Falls, Standing, UsageRow
from gateway.types import Snapshot

MAX_DAYS = 400
GROUPS = ("day", limits.KEY, limits.END_USER, limits.TIER, limits.TASK, limits.MODEL, limits.TAG)
WHOLE_TENANT = "usage"  # the scope that a key needs to see more than its own


@extend_schema_view(get=schemas.budgets)
class BudgetsView(GatewayView):
    """The budgets that apply to this key, and with `?user=`, `?task=`, `?model=` and `?tag=` to those: limit, used, held, left, and when
    they reset."""

    async def get(self, snapshot: Snapshot, digest: str) -> WholeResponse:
        snapshot = await self.current(snapshot, digest)
        falls = Falls(
            end_user="".join(self._given("user")[-1:]),
            tasks=self._given("task"),
            models=self._given("model"),
            tags=self._given("tag"),
            names_all=True,
        )
        found = await standings.budgets(snapshot, snapshot.keys[digest], falls, runtime.current(), time.time())
        return WholeResponse.of({"object": "list", "data": [_budget(item) for item in found]})

    def _given(self, name: str) -> tuple[str, ...]:
        """A parameter's values, once each."""
        values = dict.fromkeys(value.strip() for value in self.request.GET.getlist(name) if value.strip())
        if len(values) > MAX_TAGS:
            raise InvalidRequest(f"{name} is given at most {MAX_TAGS} times.", param=name)
        for value in values:
            if len(value) > MAX_END_USER or not value.isprintable():
                raise InvalidRequest(f"{name} takes at most {MAX_END_USER} printable characters.", param=name)
        return tuple(values)


def _budget(item: Standing) -> dict[str, Any]:
    counter, limit = item.counter, item.counter.limit
    left = max(0, counter.amount - item.used - item.held)
    return {
        "object": "budget",
        "name": limit.name,
        "scope": limit.dimension,
        "subject": counter.subject or None,
        "metric": limit.metric,
        "window": limit.window,
        "limit": shown(limit.metric, counter.amount),
        "used": shown(limit.metric, item.used),
        "held": shown(limit.metric, item.held),
        "left": shown(limit.metric, left),
        "share_used": round(item.used / counter.amount, 4) if counter.amount else None,
        "starts_at": _time(counter.window.start) if counter.window.start else None,
        "resets_at": _time(counter.window.end) if counter.window.end is not None else None,
    }


@extend_schema_view(get=schemas.usage)
class UsageView(GatewayView):
    """What was used, by day of the tenant's time zone: this key's own, or with the scope “usage” the whole tenant's by what one likes."""

    async def get(self, snapshot: Snapshot, digest: str) -> WholeResponse:
        snapshot = await self.current(snapshot, digest)
        key = snapshot.keys[digest]
        query = self.request.GET
        today = dt.datetime.now(snapshot.clock.zone).date()
        first = _day(query.get("from"), "from", today.replace(day=1))
        last = _day(query.get("to"), "to", today)
        if not 0 <= (last - first).days < MAX_DAYS:
            raise InvalidRequest(
                f"“from” must not be after “to”, nor more than {MAX_DAYS} days before it.", param="from"
            )
        group = query.get("group_by", "")
        if group and group not in GROUPS:
            raise InvalidRequest(f"group_by takes one of {', '.join(GROUPS)}.", param="group_by")
        if group and WHOLE_TENANT not in key.scopes:
            raise PermissionDenied(
                "Grouping shows the whole tenant, for which this key lacks the scope “usage”.", code="missing_scope"
            )
        by_day = group in ("", "day")
        dimension = limits.KEY if not group else limits.TENANT if by_day else group
        read = partial(
            standings.usage,
            snapshot.tenant_id,
            dimension=dimension,
            subject=None if group else str(key.id),
            by_day=by_day,
            first=first,
            last=last,
        )
        rows = await runtime.current().threads.once(
            ("usage", snapshot.tenant_id, dimension, group, key.id, first, last), read
        )
        return WholeResponse.of(
            {
                "object": "usage",
                "of": "tenant" if group else "key",
                "from": first.isoformat(),
                "to": last.isoformat(),
                "total": _row(_total(rows), None),
                "data": [_row(row, group or "day") for row in rows],
            }
        )


def _total(rows: list[UsageRow]) -> UsageRow:
    return UsageRow(
        label="",
        requests=sum(row.requests for row in rows),
        input_tokens=sum(row.input_tokens for row in rows),
        cache_read_tokens=sum(row.cache_read_tokens for row in rows),
        output_tokens=sum(row.output_tokens for row in rows),
        cost_usd=sum((row.cost_usd for row in rows), Decimal(0)),
    )


def _row(row: UsageRow, label: str | None) -> dict[str, Any]:
    """`cost_usd` is a string: exact, to the nano-dollar."""
    named = {label: row.label} if label else {}
    numbers = {
        "requests": row.requests,
        "input_tokens": row.input_tokens,
        "cache_read_tokens": row.cache_read_tokens,
        "output_tokens": row.output_tokens,
    }
    return {**named, **numbers, "cost_usd": f"{row.cost_usd:.9f}"}


def _day(text: str | None, param: str, default: dt.date) -> dt.date:
    if text is None:
        return default
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise InvalidRequest(f"“{param}” takes a day such as 2026-11-23.", param=param) from None


def _time(seconds: int) -> str:
    return dt.datetime.fromtimestamp(seconds, dt.UTC).isoformat().replace("+00:00", "Z")
