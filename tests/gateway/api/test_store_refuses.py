"""A Redis that answers, but with an error, is treated as one that is away: nothing is let in unchecked, nothing is lost."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from django_redis import get_redis_connection

from tests.gateway.budgets import budget, counter, error
from tests.gateway.live import wait_until


@contextmanager
def out_of_memory() -> Iterator[None]:
    redis = get_redis_connection("default")
    redis.config_set("maxmemory", "1")
    try:
        yield
    finally:
        redis.config_set("maxmemory", "0")


def test_requests_are_refused_and_may_be_tried_again(world, simulator):
    assert world.chat().status == 200
    with out_of_memory():
        refused = world.chat()
        assert error(refused) == (503, "store_unavailable")
        assert refused.headers["retry-after"] == "1"
    wait_until(lambda: world.chat().status == 200)
    wait_until(lambda: len([row for row in world.records_so_far() if row.outcome == "refused"]) >= 1)


def test_a_request_under_way_is_answered_and_charged(world, simulator):
    """Settling frees what was held before it writes, which a full Redis allows."""
    budget(world, 10)
    simulator.behave(latency_ms=60_000, times=1)
    replies = []
    slow = threading.Thread(target=lambda: replies.append(world.chat()))
    slow.start()
    wait_until(lambda: counter(world, "requests") == (0, 1))
    with out_of_memory():
        simulator.reset()
        slow.join()
        assert replies[0].status == 200
    wait_until(lambda: counter(world, "requests") == (1, 0))
    assert world.records(1)[0].outcome == "ok"
    wait_until(lambda: world.chat().status == 200)  # other tests find the gateway well
