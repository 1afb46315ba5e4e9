from __future__ import annotations

import pytest

from tests.gateway.caches import policy
from tests.gateway.live import World


@pytest.fixture
def cached(world: World) -> World:
    """A tenant whose answers are cached."""
    policy(world)
    return world


@pytest.fixture
def meaning(world: World) -> World:
    """A tenant whose answers are given to questions that mean the same, at a target that paraphrases keep to."""
    policy(world, semantic=True, semantic_threshold="0.8", target_false_percent=15)
    return world
