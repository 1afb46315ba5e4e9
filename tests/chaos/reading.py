"""What there is of a cast to compare: the simulator's log, the request log, the ledger and the counters. Needs Django."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import redis
from django.db import connections
from django.db.models import Sum
from django.utils import timezone

from billing import limits, prices
from billing.models import DailyUsage
from gateway.models import RequestLog
from gateway.types import Usage
from simulator.client import SimulatorClient
from tenants import redis_keys
from tests.chaos.books import Account, Call, Row, Told, Used
from tests.chaos.cast import Cast, Member
from tests.chaos.clients import Shot

NANO = 1_000_000_000
# Metrics as the books' fields and as counters call them.
FIELDS = {"requests": "requests", "tokens": "tokens", "usd": "nanousd"}
# Who it is, is not known yet: there is no tenant to have a record.
WITHOUT_RECORD = {"invalid_api_key"}


def calls(simulator: SimulatorClient, owners: dict[str, UUID]) -> list[Call]:
    """What reached the simulator of the requests in `owners`, by id."""
    found = []
    for entry in simulator.requests():
        identity = _prompt(entry)
        if identity in owners:
            usage = entry["usage"] or {}
            tokens = usage.get("input_tokens", 0) + usage.get("output_tokens", 0)
            found.append(Call(identity, owners[identity], tokens, _nanousd(entry, usage)))
    return found


def told(shots: Sequence[Shot]) -> list[Told]:
    """Those that had an answer, or the beginning of one."""
    return [Told(shot.ask.id, shot.ask.tenant_id) for shot in shots if shot.status and shot.code not in WITHOUT_RECORD]


def rows(cast: Cast) -> list[Row]:
    connections.close_all()  # the server may have been another one
    found = RequestLog.objects.filter(tenant_id__in=[member.tenant_id for member in cast.members])
    return [
        Row(
            row.feature,
            row.tenant_id,
            row.request_id,
            row.attempt,
            row.is_final,
            row.input_tokens + row.output_tokens,
            int(row.cost_usd * NANO),
            row.usage_source,
        )
        for row in found
    ]


def count_rows(cast: Cast) -> int:
    """Requests in the log."""
    connections.close_all()
    tenants = [member.tenant_id for member in cast.members]
    return RequestLog.objects.filter(tenant_id__in=tenants, is_final=True).count()


def accounts(cast: Cast, redis_url: str) -> list[Account]:
    with redis.Redis.from_url(redis_url, socket_timeout=2) as store:
        return [_account(member, store) for member in cast.members]


def waiting(cast: Cast, redis_url: str) -> int:
    """Records and holds in Redis."""
    with redis.Redis.from_url(redis_url, socket_timeout=2) as store:
        return sum(
            store.xlen(redis_keys.usage_stream(member.tenant_id)) + store.hlen(redis_keys.holds(member.tenant_id))
            for member in cast.members
        )


def _account(member: Member, store: Any) -> Account:
    sums = DailyUsage.objects.filter(tenant_id=member.tenant_id, dimension=limits.TENANT).aggregate(
        requests=Sum("requests"), input=Sum("input_tokens"), output=Sum("output_tokens"), usd=Sum("cost_usd")
    )
    ledger = Used(sums["requests"] or 0, (sums["input"] or 0) + (sums["output"] or 0), int((sums["usd"] or 0) * NANO))
    if not member.metric:
        return Account(member.tenant_id, ledger)
    values = store.hgetall(redis_keys.counters(member.tenant_id))
    counted = {name.decode(): int(value) for name, value in values.items() if b"|month|" in name}
    used = [value for name, value in counted.items() if name.startswith(f"{member.metric}|")]
    held = [value for name, value in counted.items() if name.startswith(f"h{member.metric}|")]
    amount = member.amount * NANO if member.metric == "usd" else member.amount
    return Account(member.tenant_id, ledger, used[0] if used else None, sum(held), FIELDS[member.metric], int(amount))


def _prompt(entry: dict[str, Any]) -> str:
    body = entry["body"]
    if not isinstance(body, dict) or not body.get("messages"):
        return ""
    content = body["messages"][-1]["content"]
    return str(content if isinstance(content, str) else content[0]["text"])


def _nanousd(entry: dict[str, Any], usage: dict[str, int]) -> int:
    price = prices.resolve(kind=entry["surface"], upstream_id=entry["model"], at=timezone.now())
    if price is None or not usage:
        return 0
    return prices.cost_nanousd(price, Usage(input_tokens=usage["input_tokens"], output_tokens=usage["output_tokens"]))
