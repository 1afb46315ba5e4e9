"""Who is made to wait is let go by a reset, so that a test decides how long: no time is long enough on every machine."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

CHAT = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Hello"}]}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_a_reset_answers_those_who_wait_their_latency_out(post: Any, simulator: Any, stream: bool):
    simulator.client.behave(latency_ms=3_600_000)
    with ThreadPoolExecutor(3) as pool:
        waiting = [pool.submit(post, "/v1/chat/completions", {**CHAT, "stream": stream}) for _ in range(3)]
        deadline = time.monotonic() + 8
        while len(simulator.client.requests()) < 3:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert [entry["outcome"] for entry in simulator.client.requests()] == ["in_progress"] * 3
        simulator.client.reset()
        assert [one.result()[0] for one in waiting] == [200] * 3
    simulator.client.behave(latency_ms=1)
    assert "choices" in json.loads(post("/v1/chat/completions", CHAT)[2])
