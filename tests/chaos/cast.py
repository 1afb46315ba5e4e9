"""Who a fault meets: tenants of its own, so that its books are its own. Needs Django.

Four of them: one whose requests are never refused by a limit, by which one sees whether Tollgate serves, and one for each metric with a
budget that the load uses up.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from billing.models import Budget
from gateway.models import Model, Provider
from tenants import api_keys
from tenants.models import Tenant

STEADY = "steady"
# By metric; about seventy requests of the load each.
AMOUNTS = {"requests": Decimal(70), "tokens": Decimal(2_500), "usd": Decimal("0.021")}
OPENAI, ANTHROPIC = "gpt-4o", "claude-sonnet-4-5"
FLOOD = "flood"  # a model whose streams are megabytes long

CAPABILITIES = ["chat", "streaming", "tools"]


@dataclass(frozen=True)
class Member:
    """A tenant of the cast. `metric`: of its budget; empty if it has none."""

    tenant_id: UUID
    secrets: tuple[str, ...]
    metric: str = ""

    @property
    def amount(self) -> Decimal:
        return AMOUNTS[self.metric]


@dataclass(frozen=True)
class Cast:
    steady: Member
    budgeted: tuple[Member, ...]

    @property
    def members(self) -> tuple[Member, ...]:
        return (self.steady, *self.budgeted)


def make_models(simulator_url: str) -> None:
    """The operator's models, at the simulator."""
    for kind, name, base_url in (("openai", OPENAI, f"{simulator_url}/v1"), ("anthropic", ANTHROPIC, simulator_url)):
        provider = Provider.objects.create(name=kind, kind=kind, base_url=base_url, credential="sk-chaos")
        Model.objects.create(provider=provider, name=name, capabilities=CAPABILITIES)
    Model.objects.create(
        provider=Provider.objects.get(name="openai"), name=FLOOD, price_ref="openai:gpt-4o", capabilities=CAPABILITIES
    )


def make(fault: str) -> Cast:
    steady = _tenant(fault, STEADY, keys=2)
    return Cast(steady, tuple(_tenant(fault, metric, keys=1) for metric in AMOUNTS))


def _tenant(fault: str, name: str, *, keys: int) -> Member:
    tenant = Tenant.objects.create(name=f"{fault}: {name}", slug=f"{fault}-{name}")
    metric = name if name in AMOUNTS else ""
    if metric:
        Budget.objects.create(tenant=tenant, name="a month", metric=metric, amount=AMOUNTS[metric], window="month")
    secrets = tuple(api_keys.create(tenant, name=f"key {number}").secret for number in range(keys))
    return Member(tenant.id, secrets, metric)
