"""Fixtures of the tests that go the whole way: application, gateway process, simulator process, PostgreSQL and Redis."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from gateway.models import Provider
from simulator.client import SimulatorClient
from simulator.process import SimulatorProcess
from tenants import outbound_httpx
from tests.cast import Cast
from tests.gateway.live import Gateway, World


@pytest.fixture(autouse=True)
def _patient_probes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who answers is heard, however busy the machine is."""
    monkeypatch.setattr(outbound_httpx, "CONNECT_SECONDS", 60.0)
    monkeypatch.setitem(outbound_httpx.client.__kwdefaults__, "total_seconds", 60.0)


@pytest.fixture(scope="session")
def simulator_process() -> Iterator[SimulatorProcess]:
    with SimulatorProcess() as running:
        yield running


@pytest.fixture
def simulator(simulator_process: SimulatorProcess) -> Iterator[SimulatorClient]:
    """The simulator's control, with no behaviour set and nothing logged."""
    client = SimulatorClient(simulator_process.base_url)
    client.reset()
    client.clear()
    yield client
    client.reset()


@pytest.fixture(scope="session")
def gateway(
    django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    """One gateway process for the run, on the test database. It waits for the simulator however busy the machine is."""
    folder: Path = tmp_path_factory.mktemp("gateway")
    environment = {"TOLLGATE_SEMANTIC_BUDGET": "5", "TOLLGATE_SEMANTIC_WAIT": "30", "TOLLGATE_REDIS_TIMEOUT": "20"}
    environment |= {"TOLLGATE_LEFT_STREAM_GRACE": "20"}
    with Gateway.running(folder, TOLLGATE_MAX_BODY_BYTES="1000000", **environment) as running:
        yield running


@pytest.fixture(scope="session")
def impatient(
    django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    """A gateway process that soon gives up a provider: for tests of just that."""
    limits = {"TOLLGATE_FIRST_BYTE_TIMEOUT": "3", "TOLLGATE_IDLE_TIMEOUT": "1", "TOLLGATE_TOTAL_TIMEOUT": "4"}
    with Gateway.running(tmp_path_factory.mktemp("impatient"), **limits) as running:
        yield running


@pytest.fixture
def world(
    gateway: Gateway, simulator: SimulatorClient, simulator_process: SimulatorProcess, django_db_blocker: Any
) -> Iterator[World]:
    """A tenant of the test's own. What it writes is committed, since other processes must see it, and taken out after the file."""
    with django_db_blocker.unblock():
        yield World.build(gateway, simulator_process.base_url)


@pytest.fixture(scope="session")
def forgetful(
    django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    """A gateway process that hardly listens on when a client leaves mid-stream: for tests of just that."""
    with Gateway.running(tmp_path_factory.mktemp("forgetful"), TOLLGATE_LEFT_STREAM_GRACE="0.5") as running:
        yield running


@pytest.fixture
def hasty(world: World, impatient: Gateway) -> World:
    """The same tenant, at a gateway that soon gives up a provider."""
    return dataclasses.replace(world, gateway=impatient)


@pytest.fixture
def left(world: World, forgetful: Gateway) -> World:
    """The same tenant, at a gateway that hardly listens on when a client leaves mid-stream."""
    return dataclasses.replace(world, gateway=forgetful)


@pytest.fixture
def provider(cast: Cast, simulator_process: Any, settings: Any) -> Provider:
    """Acme's own, at the simulator."""
    settings.OUTBOUND_ALLOW = [ip_network("127.0.0.1/32")]
    return Provider.objects.create(
        tenant=cast.acme.tenant,
        name="ours",
        kind="openai",
        base_url=f"{simulator_process.base_url}/v1",
        credential="sk-x",
    )
