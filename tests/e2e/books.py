"""What tests of the hard stop share: many asks at once, and whether the books agree with what came of them."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from itertools import count
from typing import Any

from django.db.models import Sum

from billing import limits
from billing.models import DailyUsage
from gateway.models import RequestLog
from tests.e2e.load import Ask, Shot
from tests.gateway.budgets import NANO
from tests.gateway.live import Gateway, World

_numbers = count(1)


def asks(world: World, gateways: list[Gateway], amount: int, *, leaving: bool = False, **body: Any) -> list[Ask]:
    """Alternately at the gateways, half of them streamed; `leaving`: two thirds of the streams are left, some of them long ones."""
    made = []
    for at in range(amount):
        is_stream = at // 2 % 2 == 1
        leaves = leaving and is_stream and at % 3 > 0
        own = {"model": "gpt-4o", "max_tokens": 500, **body, "stream": is_stream}
        if is_stream and leaving:
            own["model"] = "long" if leaves and at % 5 < 2 else "slow"
        made.append(Ask(gateways[at % len(gateways)], world.secret, f"hello {next(_numbers)}", own, leaves))
    return made


def slow_models(world: World) -> None:
    """`slow` streams for half a second; `long` for longer than a gateway listens to a stream that its client has left."""
    world.model("slow", "openai", upstream_id="gpt-4o?chunk_ms=30")
    world.model("long", "openai", upstream_id="gpt-4o?chunk_ms=100&output_tokens=400")


def used_in_ledger(world: World) -> tuple[int, int, int]:
    """Requests, tokens and nano-dollars of the tenant, as the daily usage says."""
    sums = DailyUsage.objects.filter(tenant=world.tenant, dimension=limits.TENANT).aggregate(
        requests=Sum("requests"), input=Sum("input_tokens"), output=Sum("output_tokens"), usd=Sum("cost_usd")
    )
    return sums["requests"], sums["input"] + sums["output"], int(sums["usd"] * NANO)


def check_ledger(rows: list[RequestLog], world: World) -> list[RequestLog]:
    """The request log has every request once and agrees with the daily usage; returns the rows of admitted requests."""
    assert len({row.request_id for row in rows}) == len({row.id for row in rows}) == len(rows)
    admitted = [row for row in rows if row.attempt]
    tokens = sum(row.input_tokens + row.output_tokens for row in admitted)
    nanousd = int(sum((row.cost_usd for row in admitted), Decimal(0)) * NANO)
    assert used_in_ledger(world) == (len(admitted), tokens, nanousd)
    assert all(row.cost_usd == 0 for row in rows if not row.attempt)
    return admitted


def tokens_of(entry: dict[str, Any]) -> int:
    return entry["usage"]["input_tokens"] + entry["usage"]["output_tokens"]


def request_id(row: RequestLog) -> str:
    return f"req_{row.request_id.hex}"


def refusals(shots: list[Shot]) -> Counter[tuple[int, str]]:
    return Counter((shot.status, shot.code) for shot in shots if shot.status != 200)
