"""Models, snapshots and requests made of nothing, for tests of routing."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from billing.limits import Limit, Limits, Pace
from billing.prices import Price, Rates
from billing.windows import Clock
from gateway.pipeline.validator import validate
from gateway.types import (
    Choice,
    Conversation,
    Endpoint,
    Health,
    Key,
    Model,
    Plan,
    Provider,
    Request,
    Rule,
    Secret,
    Signals,
    Snapshot,
    Task,
)

USD_PER_MTOK = 1_000_000  # picodollars per token
OPENAI = Provider(id=UUID(int=1), name="openai", kind="openai", base_url="http://o", credential=Secret(""))
CLAUDE = Provider(id=UUID(int=2), name="anthropic", kind="anthropic", base_url="http://a", credential=Secret(""))


def price(input_usd: int, output_usd: int, cache_read_usd: int | None = None) -> Price:
    """USD per million tokens."""
    read = input_usd if cache_read_usd is None else cache_read_usd
    rates = Rates(
        input=input_usd * USD_PER_MTOK,
        cache_read=read * USD_PER_MTOK,
        cache_write_5m=input_usd * USD_PER_MTOK,
        cache_write_1h=input_usd * USD_PER_MTOK,
        output=output_usd * USD_PER_MTOK,
    )
    return Price(base=rates, source="override")


DOLLAR = price(1, 1)


def model(name: str, *, cost: Price | None = DOLLAR, provider: Provider = OPENAI, **fields: Any) -> Model:
    values: dict[str, Any] = {
        "upstream_id": name,
        "capabilities": frozenset({"chat", "streaming", "tools", "vision", "json_schema"}),
        "context_window": None,
        "max_output_tokens": None,
        "created_at": 0,
    }
    return Model(name=name, provider=provider, price=cost, **{**values, **fields})


def key(models: set[str] | None = None) -> Key:
    return Key(
        id=UUID(int=9),
        scopes=frozenset({"chat"}),
        allowed_models=frozenset(models or ()),
        allowed_tasks=frozenset(),
        expires_at=None,
        pace=Pace(),
        limits=(),
    )


def snapshot(
    models: tuple[Model, ...] = (),
    *,
    rules: tuple[Rule, ...] = (),
    tasks: tuple[Task, ...] = (),
    zone: str = "UTC",
    budgets: tuple[str, ...] = (),
) -> Snapshot:
    limits = tuple(Limit(str(UUID(int=n)), name, "tenant", "usd", "month", 1) for n, name in enumerate(budgets))
    return Snapshot(
        tenant_id=UUID(int=3),
        version=1,
        is_active=True,
        keys={},
        models={item.name: item for item in models},
        tasks={task.slug: task for task in tasks},
        rules=rules,
        limits=Limits(limits=(Limit("plan:usd_per_month", "plan", "tenant", "usd", "month", 1), *limits)),
        clock=Clock(zone),
        loaded_at=0,
    )


def task(*chain: Model, **fields: Any) -> Task:
    """task/sum over the chain; what is not a task's own field is its choice's."""
    own = {name: fields.pop(name) for name in ("likely_output_tokens", "slug", "is_real_time") if name in fields}
    return Task(**{"slug": "sum", "is_real_time": True, **own}, chain=chain, choice=Choice(**fields))


def rule(*targets: Model, name: str = "rule", conditions: tuple[Any, ...] = (), **fields: Any) -> Rule:
    own = {item: fields.pop(item) for item in ("weights", "id", "is_own", "names_models") if item in fields}
    own.setdefault("id", name)
    return Rule(name=name, targets=targets, conditions=conditions, choice=Choice(**fields), **own)


def request(asked: str = "task/sum", headers: dict[str, str] | None = None, **fields: Any) -> Request:
    body = {"model": asked, "messages": [{"role": "user", "content": "x"}], **fields}
    return validate(Endpoint.CHAT, json.dumps(body).encode(), headers or {})


def signals(**fields: Any) -> Signals:
    """What is known; `health` is by model name."""
    health: dict[str, Health] = fields.pop("health", {})
    values: dict[str, Any] = {
        "at": 1_800_000_000.0,
        "tier": "",
        "input_tokens": 1000,
        "conversation": Conversation("c"),
    }
    return Signals(health=lambda item: health.get(item.name, Health()), **{**values, **fields})


def names(plan: Plan) -> list[str]:
    return [attempt.model.name for attempt in plan.attempts]
