"""The hard stop, by two gateway processes at once: no load, no leaving client and no dying process spends more than a limit has."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django_redis import get_redis_connection

from gateway import sweeper
from tenants import api_keys, redis_keys
from tests.e2e.books import asks, check_ledger, refusals, request_id, slow_models, tokens_of, used_in_ledger
from tests.e2e.load import BROKEN, by_prompt, fire
from tests.gateway.budgets import NANO, budget, counter
from tests.gateway.live import Gateway, World, wait_until

BUDGET = 50
REFUSALS = {"budget_spent", "budget_held"}
TIMEOUTS = {"TOLLGATE_FIRST_BYTE_TIMEOUT": "15", "TOLLGATE_IDLE_TIMEOUT": "15", "TOLLGATE_TOTAL_TIMEOUT": "30"}


@pytest.fixture(scope="module")
def first(django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway process that waits longer for providers than the session's: here no time-out is to be met, however busy the machine is."""
    with Gateway.running(tmp_path_factory.mktemp("first"), **TIMEOUTS) as running:
        yield running


@pytest.fixture(scope="module")
def second(
    django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    """Another one on the same database and Redis."""
    with Gateway.running(tmp_path_factory.mktemp("second"), **TIMEOUTS) as running:
        yield running


@pytest.fixture
def world(first: Gateway, simulator: Any, simulator_process: Any, django_db_blocker: Any) -> Iterator[World]:
    with django_db_blocker.unblock():
        yield World.build(first, simulator_process.base_url)


def test_a_budget_of_requests_stops_exactly_though_clients_leave(world, simulator, second):
    budget(world, BUDGET)
    slow_models(world)
    fired = asks(world, [world.gateway, second], 400, leaving=True)
    shots = fire(fired)
    served = [shot for shot in shots if shot.status == 200]
    left = [shot for shot in served if shot.ask.leaves]
    assert len(served) == BUDGET
    assert left
    assert set(refusals(shots)) <= {(429, code) for code in REFUSALS}
    wait_until(lambda: counter(world, "requests") == (BUDGET, 0))
    reached = by_prompt(simulator, fired)
    assert set(reached) == {shot.ask.prompt for shot in served}
    admitted = {request_id(row): row for row in check_ledger(world.records(400), world)}
    assert set(admitted) == {shot.request_id for shot in served}
    for shot in served:
        row, entry = admitted[shot.request_id], reached[shot.ask.prompt]
        if row.usage_source == "reported":
            assert row.input_tokens + row.output_tokens == tokens_of(entry)
        else:
            # Nobody has reported the usage of a stream that was left and then cut: it is estimated, and rather too much.
            assert (row.outcome, row.usage_source, entry["outcome"]) == (
                "client_left",
                "estimated",
                "client_disconnected",
            )
            assert shot.ask.leaves
            assert row.input_tokens + row.output_tokens >= tokens_of(entry)


@pytest.mark.parametrize(
    ("metric", "amount", "of_input", "of_output"), [("tokens", 2500, 1, 1), ("usd", "0.0211", 2500, 10_000)]
)
def test_a_budget_of_tokens_or_money_is_never_passed_and_used_up(
    world, simulator, second, metric, amount, of_input, of_output
):
    """A request uses 49 tokens, of which 40 are output. gpt-4o: 2.50 and 10 USD per million tokens, in nano-dollars 2500 and 10,000."""
    simulator.behave(output_tokens=40)
    row = budget(world, amount, metric)
    limit = int(row.amount * (NANO if metric == "usd" else 1))
    fired = asks(world, [world.gateway, second], 400, max_tokens=40)
    shots = fire(fired)
    wait_until(lambda: counter(world, metric)[1] == 0)
    while (429, "budget_spent") not in refusals(shots[-100:]) and len(fired) < 1000:
        more = asks(world, [world.gateway, second], 100, max_tokens=40)
        fired += more
        shots += fire(more)
        wait_until(lambda: counter(world, metric)[1] == 0)
    served = [shot for shot in shots if shot.status == 200]
    assert set(refusals(shots)) <= {(429, code) for code in REFUSALS}
    assert (429, "budget_spent") in refusals(shots[-100:])
    used = counter(world, metric)[0]
    # What one request may use: its input, of no more tokens than bytes, and its output.
    one = max(len(ask.content) for ask in fired) * of_input + 40 * of_output
    assert limit - one < used <= limit
    reached = by_prompt(simulator, fired)
    assert set(reached) == {shot.ask.prompt for shot in served}
    admitted = check_ledger(world.records(len(fired)), world)
    assert {request_id(row) for row in admitted} == {shot.request_id for shot in served}
    _, tokens, nanousd = used_in_ledger(world)
    assert used == (nanousd if metric == "usd" else tokens)
    assert tokens == sum(tokens_of(entry) for entry in reached.values())
    assert nanousd == sum(
        entry["usage"]["input_tokens"] * 2500 + entry["usage"]["output_tokens"] * 10_000 for entry in reached.values()
    )


def test_a_key_s_minute_is_one_for_all_processes(world, simulator, second):
    world.secret = api_keys.create(world.tenant, name="sixty", requests_per_minute=60).secret
    fired = asks(world, [world.gateway, second], 200)
    shots = fire(fired)
    served = [shot for shot in shots if shot.status == 200]
    assert len(served) == 60
    assert refusals(shots) == {(429, "requests_per_minute_exceeded"): 140}
    assert set(by_prompt(simulator, fired)) == {shot.ask.prompt for shot in served}
    assert len(check_ledger(world.records(200), world)) == 60


def test_a_process_killed_under_load_leaves_nothing_held_and_nothing_doubled(world, simulator, tmp_path):
    budget(world, BUDGET)
    redis = get_redis_connection("default")
    with Gateway.running(tmp_path, TOLLGATE_LEASE="5", **TIMEOUTS) as victim:
        answered = asks(world, [world.gateway, victim], 8)
        shots = fire(answered)
        assert {shot.status for shot in shots} == {200}
        # Whenever the victim dies, it has some under way.
        world.model("hanging", "openai", upstream_id="gpt-4o-mini?latency_ms=60000")
        hanging = asks(world, [victim], 8, model="hanging")
        simulator.behave(model="gpt-4o", latency_ms=100)
        fired = asks(world, [world.gateway, victim], 192)

        def kill() -> None:
            wait_until(lambda: len(simulator.requests()) >= 32)
            os.kill(victim.child.pid, signal.SIGKILL)
            wait_until(victim.child.has_ended)

        with ThreadPoolExecutor(1) as pool:
            left_behind = pool.submit(fire, hanging)
            wait_until(lambda: len(simulator.requests()) == 16)
            shots += fire(fired, kill)
            shots += left_behind.result()
    swept = [0]

    def is_settled() -> bool:
        swept[0] += sweeper.sweep(redis, world.tenant.id)
        return counter(world, "requests")[1] == 0

    wait_until(is_settled)
    assert counter(world, "requests")[0] <= BUDGET
    more = asks(world, [world.gateway], 64)
    shots += fire(more)
    wait_until(lambda: counter(world, "requests") == (BUDGET, 0))
    assert sweeper.sweep(redis, world.tenant.id) == 0
    reached = by_prompt(simulator, answered + hanging + fired + more)
    assert len(reached) <= BUDGET
    assert {shot.status for shot in shots} <= {200, 429, BROKEN}
    admitted = {request_id(row): row for row in check_ledger(world.records_so_far(), world)}
    assert len(admitted) == BUDGET
    abandoned = [row for row in admitted.values() if row.outcome == "abandoned"]
    assert len(abandoned) == swept[0] >= len(hanging)
    served = [shot for shot in shots if shot.status == 200]
    assert {shot.request_id for shot in served} <= set(admitted)


@pytest.mark.parametrize("is_known", [True, False], ids=["known", "new"])
def test_redis_losing_the_tenant_under_load_lets_no_more_through(world, simulator, second, is_known):
    """`is_known`: some of its requests are in the ledger already; else all were in Redis alone, and in the memory of processes."""
    budget(world, BUDGET)
    first = asks(world, [world.gateway, second], 4)
    shots = fire(first)
    if is_known:
        world.records(4)
    simulator.behave(latency_ms=300)
    fired = asks(world, [world.gateway, second], 300)

    def lose() -> None:
        wait_until(lambda: len(simulator.requests()) >= 30)
        redis = get_redis_connection("default")
        redis.delete(*redis.scan_iter(match=f"{redis_keys.tag(world.tenant.id)}*"))

    shots += fire(fired, lose)
    served = [shot for shot in shots if shot.status == 200]
    wait_until(lambda: counter(world, "requests")[1] == 0)
    reached = by_prompt(simulator, first + fired)
    assert len(reached) <= BUDGET
    assert set(reached) == {shot.ask.prompt for shot in served}
    wait_until(lambda: sum(row.attempt > 0 for row in world.records_so_far()) >= len(served))
    admitted = check_ledger(world.records_so_far(), world)
    assert {request_id(row) for row in admitted} == {shot.request_id for shot in served}
    wait_until(lambda: counter(world, "requests") == (len(served), 0))
