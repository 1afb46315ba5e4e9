"""An embedder behind an OpenAI-compatible API: the simulator."""

from __future__ import annotations

import numpy as np
import pytest

from gateway.embedders import EmbedderError
from gateway.embedders.api import ApiEmbedder
from tests.gateway.live import CREDENTIAL


@pytest.fixture
def embedder(simulator) -> ApiEmbedder:
    return ApiEmbedder(base_url=f"{simulator.base_url}/v1", model="text-embedding-3-small", credential=CREDENTIAL)


async def test_gives_unit_vectors_in_order(embedder, simulator):
    one, two = await embedder.embed(["one", "two"])
    (again,) = embedder.embed_now(["two"])
    assert np.linalg.norm(one) == pytest.approx(1.0, abs=1e-5)
    assert float(two @ again) == pytest.approx(1.0, abs=1e-5)
    assert float(one @ two) < 0.99
    assert embedder.name == "api:text-embedding-3-small"


@pytest.mark.parametrize("fault", ["500", "429", "401", "empty"])
async def test_a_failing_api_is_a_clear_error(embedder, simulator, fault):
    simulator.behave(fault=fault)
    with pytest.raises(EmbedderError, match="text-embedding-3-small"):
        await embedder.embed(["one"])
