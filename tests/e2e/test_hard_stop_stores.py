"""The hard stop while the stores die: Redis killed under load and restarted, empty or with its data; PostgreSQL gone and back."""

from __future__ import annotations

import datetime as dt
import os
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from gateway import drain
from gateway.models import RequestLog
from tenants import api_keys, redis_keys
from tests.e2e.books import asks, check_ledger, refusals, request_id, slow_models, tokens_of, used_in_ledger
from tests.e2e.load import BROKEN, Shot, by_prompt, fire, insist
from tests.e2e.own_stores import Cable, OwnRedis
from tests.gateway.budgets import NANO, budget, plan
from tests.gateway.caches import FIRST, HIT, policy, said
from tests.gateway.live import Gateway, World, wait_until

BUDGET = 50
TIMEOUTS = {"TOLLGATE_FIRST_BYTE_TIMEOUT": "15", "TOLLGATE_IDLE_TIMEOUT": "15", "TOLLGATE_TOTAL_TIMEOUT": "30"}
AWAY_SECONDS = 1.0


@pytest.fixture(scope="module")
def cable(django_db_setup: None) -> Iterator[Cable]:
    found = Cable(os.environ["DATABASE_URL"])
    yield found
    found.cut()


@pytest.fixture(scope="module")
def pair(own: OwnRedis, cable: Cable, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Gateway]]:
    name = connection.settings_dict["NAME"]
    stores = {"REDIS_URL": own.url, "DATABASE_URL": f"{cable.url}/{name}", **TIMEOUTS}
    folders = [tmp_path_factory.mktemp("gateway") for _ in range(2)]
    with (
        Gateway.running(folders[0], **stores) as one,
        Gateway.running(folders[1], **stores) as other,
    ):
        yield [one, other]


@pytest.fixture
def bystander(pair: list[Gateway], simulator: Any, simulator_process: Any, django_db_blocker: Any) -> Iterator[World]:
    """A tenant of its own, by which to see whether the gateways admit requests."""
    with django_db_blocker.unblock():
        yield World.build(pair[0], simulator_process.base_url)


@pytest.fixture
def world(bystander: World, pair: list[Gateway], simulator_process: Any, simulator: Any) -> World:
    until_admitted(bystander, pair)
    simulator.clear()
    return World.build(pair[0], simulator_process.base_url)


def until_admitted(bystander: World, pair: list[Gateway]) -> None:
    """Wait until both processes have noticed that Redis is back: they look once a second."""
    for gateway in pair:
        last: list[Shot] = []

        def is_admitted(gateway: Gateway = gateway, last: list[Shot] = last) -> bool:
            last[:] = fire(asks(bystander, [gateway], 1))
            return last[0].status == 200

        try:
            wait_until(is_admitted, seconds=60)
        except AssertionError:
            pytest.fail(f"not admitted in a minute: {last}")


class Books:
    """What the counters in the test's own Redis say, and the ledger once everything has been drained."""

    def __init__(self, own: OwnRedis, world: World) -> None:
        self.own, self.world = own, world

    def counted(self, metric: str = "requests") -> tuple[int, int]:
        values = self.own.client.hgetall(redis_keys.counters(self.world.tenant.id))
        own = {name.decode(): int(value) for name, value in values.items() if f"{metric}|month".encode() in name}
        used = sum(value for name, value in own.items() if name.startswith(metric))
        return used, sum(value for name, value in own.items() if name.startswith(f"h{metric}"))

    def rows(self) -> list[RequestLog]:
        drain.drain(self.own.client, self.world.tenant.id)
        return list(RequestLog.objects.filter(tenant=self.world.tenant).order_by("accepted_at", "id"))

    def settle(self, used: int | None = None) -> None:
        """Wait until they agree, and on `used` if that is given."""
        try:
            wait_until(lambda: self.are_settled() and used in {None, self.counted()[0]}, seconds=30)
        except AssertionError:
            held = self.own.client.hgetall(redis_keys.holds(self.world.tenant.id))
            raise AssertionError(
                f"(used, held) {self.counted()}, ledger {used_in_ledger(self.world)}, holds {list(held)}"
            ) from None

    def are_settled(self) -> bool:
        """Nothing is held, and the counter is what the ledger has: at once, or when the next request asks for it."""
        used, held = self.counted()
        self.rows()
        return held == 0 and used in {0, used_in_ledger(self.world)[0]}


def say(name: str, shots: list[Shot], **more: object) -> None:
    print(f"\n{name}: {dict(Counter((shot.status, shot.code) for shot in shots))} {more}")  # noqa: T201


def under_way(simulator: Any, amount: int) -> None:
    """Wait until that many calls have reached the simulator."""
    wait_until(lambda: simulator.totals()["requests"] >= amount, seconds=30)


LOSSES = {
    "everything": OwnRedis.forget,
    "nothing": lambda own: None,
    "the last moment": lambda own: own.forget_the_last(30_000),
}


@pytest.mark.parametrize("lost", LOSSES)
def test_redis_killed_and_restarted_lets_no_more_through(world, bystander, simulator, own, pair, lost):
    budget(world, BUDGET)
    slow_models(world)
    books = Books(own, world)
    first = asks(world, pair, 4)
    shots = fire(first)
    assert {row.status for row in books.rows()} == {200}
    simulator.behave(latency_ms=300)
    fired = asks(world, pair, 396, leaving=True)

    def kill() -> None:
        under_way(simulator, 24)
        own.kill()
        time.sleep(AWAY_SECONDS)
        LOSSES[lost](own)
        own.start()

    shots += insist(fired, kill)
    assert {status for status, _ in refusals(shots)} <= {429, 503, BROKEN}
    books.settle()
    during = books.counted()[0]
    until_admitted(bystander, pair)
    more = asks(world, pair, 100)
    shots += fire(more)
    books.settle(BUDGET)
    reached = by_prompt(simulator, first + fired + more)
    say("redis killed", shots, counted_before_more=during, reached=len(reached))
    assert len(reached) <= BUDGET
    served = [shot for shot in shots if shot.status == 200]
    assert {shot.ask.prompt for shot in served} <= set(reached)
    books.settle()
    admitted = {request_id(row): row for row in check_ledger(books.rows(), world)}
    assert len(admitted) == BUDGET
    assert {shot.request_id for shot in served} <= set(admitted)
    assert used_in_ledger(world)[0] == BUDGET
    for shot in served:
        row, entry = admitted[shot.request_id], reached[shot.ask.prompt]
        if row.usage_source == "reported":
            assert row.input_tokens + row.output_tokens == tokens_of(entry)


def test_redis_killed_passes_no_budget_of_money_though_clients_leave(world, bystander, simulator, own, pair):
    """gpt-4o: 2.50 and 10 USD per million tokens."""
    simulator.behave(output_tokens=40)
    row = budget(world, "0.0211", "usd")
    limit = int(row.amount * NANO)
    slow_models(world)
    books = Books(own, world)
    shots = fire(asks(world, pair, 4, max_tokens=40))
    assert {row.status for row in books.rows()} == {200}
    simulator.behave(latency_ms=200)
    fired = asks(world, pair, 300, max_tokens=40, leaving=True)

    def kill() -> None:
        under_way(simulator, 16)
        own.kill()
        own.forget()
        time.sleep(AWAY_SECONDS)
        own.start()

    shots += insist(fired, kill)
    books.settle()
    until_admitted(bystander, pair)
    shots += fire(asks(world, pair, 100, max_tokens=40))
    books.settle()
    wait_until(lambda: books.rows() and books.counted("usd") == (used_in_ledger(world)[2], 0), seconds=30)
    check_ledger(books.rows(), world)
    used = books.counted("usd")[0]
    say("money", shots, used=used, limit=limit)
    # A stream that is left and cut is charged an estimate, which may be more than what was held by a few tokens of input.
    assert limit - 1_000_000 < used <= limit


def test_a_key_s_minute_holds_though_redis_forgets(world, bystander, simulator, own, pair):
    world.secret = api_keys.create(world.tenant, name="sixty", requests_per_minute=60).secret
    books = Books(own, world)
    first = asks(world, pair, 20)
    shots = fire(first)
    assert [shot.status for shot in shots] == [200] * 20
    simulator.behave(latency_ms=300)
    fired = asks(world, pair, 300)

    def kill() -> None:
        under_way(simulator, 30)
        own.kill()
        own.forget()
        own.start()

    shots += insist(fired, kill)
    until_admitted(bystander, pair)
    more = asks(world, pair, 100)
    shots += fire(more)
    reached = by_prompt(simulator, first + fired + more)
    say("sixty a minute", shots, reached=len(reached))
    # Those of any minute, in case that the machine is so busy that this has taken longer than one.
    came = sorted(entry["time"] for entry in reached.values())
    assert max(sum(at <= other < at + 60 for other in came) for at in came) <= 60
    assert {shot.ask.prompt for shot in shots if shot.status == 200} <= set(reached)
    books.settle()
    check_ledger(books.rows(), world)


def test_without_redis_a_cached_answer_is_simply_missed(world, bystander, simulator, own, pair):
    plan(world, when_store_is_down="allowance", allowance_requests=5, allowance_usd=1)
    policy(world)
    assert [said(world.chat()) for _ in range(2)] == [FIRST, HIT]
    own.kill()
    assert said(world.chat()) == (200, "miss", "Redis is away")
    assert said(world.chat(stream=True)) == (200, "miss", "Redis is away")
    own.start()
    until_admitted(bystander, pair)
    assert said(world.chat()) == HIT
    books = Books(own, world)
    books.settle()
    wait_until(lambda: len(books.rows()) >= 5)  # those of the time without Redis come from the disk, a moment later
    assert [row.cache for row in books.rows()] == ["miss", "hit", "miss", "miss", "hit"]


def test_postgresql_gone_and_back_loses_and_doubles_nothing(world, bystander, simulator, own, pair, cable):
    budget(world, BUDGET)
    slow_models(world)
    books = Books(own, world)
    first = asks(world, pair, 4)
    shots = fire(first)
    simulator.behave(latency_ms=200)
    fired = asks(world, pair, 396, leaving=True)
    cable.cut()
    try:
        shots += fire(fired)
        waiting = own.client.xlen(redis_keys.usage_stream(world.tenant.id))
    finally:
        cable.mend()
    assert set(refusals(shots)) <= {(429, "budget_spent"), (429, "budget_held")}
    served = [shot for shot in shots if shot.status == 200]
    wait_until(lambda: books.counted() == (BUDGET, 0))
    reached = by_prompt(simulator, first + fired)
    say("postgresql", shots, waiting=waiting)
    assert waiting > 300
    assert set(reached) == {shot.ask.prompt for shot in served}
    assert len(reached) == BUDGET
    wait_until(lambda: len(books.rows()) >= 400)
    rows = books.rows()
    assert len(rows) == 400
    assert {request_id(row) for row in check_ledger(rows, world)} == {shot.request_id for shot in served}


def test_limits_that_end_while_postgresql_is_gone_end_once_it_is_back(world, pair, cable):
    made = plan(world, max_output_tokens=50)

    def caps() -> set[str]:
        return {shot.headers.get("x-tollgate-max-tokens", str(shot.status)) for shot in fire(asks(world, pair, 10))}

    def known_in_time() -> dt.datetime | None:
        """An end that both processes know before it comes, however busy the machine is."""
        end = timezone.now() + dt.timedelta(seconds=3)
        made.subscriptions.update(ended_at=end)
        return end if caps() == {"50"} and timezone.now() < end else None

    ends = wait_until(known_in_time, seconds=60)
    cable.cut()
    try:
        wait_until(lambda: timezone.now() > ends)
        assert caps() == {"50"}
    finally:
        cable.mend()
    wait_until(lambda: caps() == {"500"})
