"""The end-to-end tests use the gateway's fixtures, and the providers' own SDKs as applications do."""

from __future__ import annotations

from collections.abc import Iterator

import anthropic
import openai
import pytest

from tests.e2e.own_stores import OwnRedis
from tests.gateway.conftest import gateway, simulator, simulator_process, world
from tests.gateway.live import World

__all__ = ["gateway", "simulator", "simulator_process", "world"]


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnRedis]:
    """A Redis of the module's own, which it may kill."""
    server = OwnRedis(tmp_path_factory.mktemp("own") / "redis")
    server.start()
    yield server
    server.stop()


@pytest.fixture
def openai_sdk(world: World) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{world.gateway.url}/v1", api_key=world.secret, max_retries=0)


@pytest.fixture
def anthropic_sdk(world: World) -> anthropic.Anthropic:
    return anthropic.Anthropic(base_url=world.gateway.url, api_key=world.secret, max_retries=0)
