from __future__ import annotations

import pytest

from tests.gateway.caches import policy
from tests.gateway.live import World


@pytest.fixture
def cached(world: World) -> World:
    """A tenant whose answers are cached."""
    policy(world)
    return world
