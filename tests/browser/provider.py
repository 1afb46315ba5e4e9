"""A provider and models at a simulator, for journeys that get answers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from gateway.models import Model, Provider
from simulator.client import SimulatorClient
from simulator.process import SimulatorProcess
from tenants.models import Tenant
from tests.gateway.live import ALL


@dataclass
class Simulated:
    """A tenant's provider at the simulator."""

    provider: Provider
    simulator: SimulatorClient

    def model(self, name: str, **behaviour: object) -> Model:
        """A model that answers as told (`simulator.behaviour`)."""
        self.simulator.behave(model=name, **behaviour)
        return Model.objects.create(
            tenant=self.provider.tenant, provider=self.provider, name=name, capabilities=ALL, price_ref="openai:gpt-4o"
        )


@contextmanager
def simulated(tenant: Tenant) -> Iterator[Simulated]:
    with SimulatorProcess() as running:
        provider = Provider.objects.create(
            tenant=tenant, name="simulated", kind="openai-compatible", base_url=f"{running.base_url}/v1", credential="x"
        )
        yield Simulated(provider, running.client)
