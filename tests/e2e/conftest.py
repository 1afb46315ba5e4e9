"""The end-to-end tests use the gateway's fixtures, and the providers' own SDKs as applications do."""

from __future__ import annotations

import anthropic
import openai
import pytest

from tests.gateway.conftest import gateway, simulator, simulator_process, world
from tests.gateway.live import World

__all__ = ["gateway", "simulator", "simulator_process", "world"]


@pytest.fixture
def openai_sdk(world: World) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{world.gateway.url}/v1", api_key=world.secret, max_retries=0)


@pytest.fixture
def anthropic_sdk(world: World) -> anthropic.Anthropic:
    return anthropic.Anthropic(base_url=world.gateway.url, api_key=world.secret, max_retries=0)
