"""A task whose primary model fails and whose secondary is well, before two gateway processes; and what must hold whatever fails."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from typing import Any

from django.db.models import Sum
from django_redis import get_redis_connection

from billing import limits
from billing.models import DailyUsage
from gateway import drain
from gateway.models import Model, RequestLog, Task, TaskFallback
from simulator.client import SimulatorClient
from tenants import redis_keys
from tests.e2e.load import Ask, Shot, fire, reached
from tests.gateway.live import Gateway, World, wait_until

PRIMARY, SECONDARY = "gpt-4o", "claude-sonnet-4-5"
PATHS = {"chat": "/v1/chat/completions", "messages": "/v1/messages"}
PROBES = 2  # at most at once while half-open
AT_ONCE = 16
_numbers = count(1)


@dataclass
class Chain:
    """task/chain: `PRIMARY` at one provider, then `SECONDARY` at the other."""

    world: World
    simulator: SimulatorClient
    gateways: tuple[Gateway, Gateway]

    @classmethod
    def build(cls, world: World, simulator: SimulatorClient, gateways: tuple[Gateway, Gateway]) -> Chain:
        primary, secondary = (Model.objects.get(tenant=world.tenant, name=name) for name in (PRIMARY, SECONDARY))
        task = Task.objects.create(tenant=world.tenant, slug="chain", name="Chain", default_model=primary)
        TaskFallback.objects.create(task=task, position=1, model=secondary)
        return cls(world, simulator, gateways)

    @property
    def breaker(self) -> str:
        return redis_keys.breaker(self.world.providers["openai"].id, PRIMARY)

    def give_up_after(self, milliseconds: int) -> None:
        """A model of which nothing has come for so long."""
        Task.objects.filter(tenant=self.world.tenant, slug="chain").update(first_byte_ms=milliseconds)

    def asks(
        self,
        amount: int,
        *,
        stream: bool = False,
        surface: str = "chat",
        model: str = "task/chain",
        most_tokens: int = 100,
    ) -> list[Ask]:
        """Alternately at the two gateways."""
        body = {"model": model, "max_tokens": most_tokens, "stream": stream}
        return [
            Ask(self.gateways[at % 2], self.world.secret, f"fault {next(_numbers)}", body, path=PATHS[surface])
            for at in range(amount)
        ]

    def fire(self, asks: Sequence[Ask]) -> list[Shot]:
        return fire(asks, at_once=AT_ONCE)

    def state(self) -> tuple[str, int]:
        """The primary's breaker and its generation."""
        state, generation = get_redis_connection("default").hmget(self.breaker, "state", "generation")
        return (state or b"closed").decode(), int(generation or 0)

    def half_opened(self, before: int) -> int:
        """How often it has been half-open since that generation: open ones are odd, half-open ones even, until it closes."""
        return self.state()[1] // 2 - before // 2 + (before % 2 == 0)

    def calls_of_primary(self, asks: Sequence[Ask]) -> list[dict[str, Any]]:
        return [entry for entry in reached(self.simulator, asks) if entry["model"] == PRIMARY]

    def changes(self, gateway: Gateway) -> list[tuple[datetime, str]]:
        """When a process learnt what of the primary's breaker, as its log says."""
        name = re.escape(self.breaker.removeprefix(redis_keys.BREAKERS))
        found = re.findall(rf"^(\S+ \S+) WARNING .*circuit breaker {name}: \S+ → (\S+)$", gateway.log(), re.MULTILINE)
        return [(datetime.strptime(at, "%Y-%m-%d %H:%M:%S,%f"), state) for at, state in found]  # noqa: DTZ007

    def rows(self, shots: Sequence[Shot]) -> dict[str, list[RequestLog]]:
        """The request log by request, once each of these has its final record."""
        tenant = self.world.tenant

        def has_all() -> bool:
            drain.drain(get_redis_connection("default"), tenant.id)
            return RequestLog.objects.filter(tenant=tenant, is_final=True).count() >= len(shots)

        wait_until(has_all)
        found: dict[str, list[RequestLog]] = {}
        for row in RequestLog.objects.filter(tenant=tenant).order_by("request_id", "is_final", "attempt"):
            found.setdefault(f"req_{row.request_id.hex}", []).append(row)
        return found

    def check_books(self, shots: Sequence[Shot]) -> dict[str, list[RequestLog]]:
        """Each request has one final record; log, daily usage and the simulator agree."""
        by_request = self.rows(shots)
        assert set(by_request) == {shot.request_id for shot in shots}
        assert all([row.is_final for row in rows] == [False] * (len(rows) - 1) + [True] for rows in by_request.values())
        rows = [row for rows in by_request.values() for row in rows]
        sums = DailyUsage.objects.filter(tenant=self.world.tenant, dimension=limits.TENANT).aggregate(
            requests=Sum("requests"), input=Sum("input_tokens"), output=Sum("output_tokens"), usd=Sum("cost_usd")
        )
        called = {row.request_id for row in rows if row.attempt}
        if not called:
            assert sums["requests"] is None
            return by_request
        assert sums["requests"] == len(called)
        assert sums["input"] + sums["output"] == sum(row.input_tokens + row.output_tokens for row in rows)
        assert sums["usd"] == sum(row.cost_usd for row in rows)
        reported = [row for row in rows if row.usage_source == "reported"]
        completed = [
            item for item in reached(self.simulator, [shot.ask for shot in shots]) if item["outcome"] == "completed"
        ]
        assert len(reported) == len(completed)
        assert Counter(row.output_tokens for row in reported) == Counter(
            item["usage"]["output_tokens"] for item in completed
        )
        assert sum(row.input_tokens for row in reported) == sum(item["usage"]["input_tokens"] for item in completed)
        return by_request


def served(shots: Sequence[Shot]) -> Counter[str]:
    """The answers by model."""
    return Counter(shot.headers["x-tollgate-model"] for shot in shots if shot.status == 200)


def say(name: str, shots: Sequence[Shot], **more: object) -> None:
    """The figures of a case, for whoever runs it with -s."""
    statuses = dict(Counter(shot.status for shot in shots))
    fallbacks = sum("x-tollgate-fallback-from" in shot.headers for shot in shots)
    words = "  ".join(f"{key} {value}" for key, value in more.items())
    print(  # noqa: T201  # that is what it is for
        f"\n{name}: {len(shots)} requests {statuses}, served {dict(served(shots))}, fallbacks {fallbacks}  {words}"
    )
