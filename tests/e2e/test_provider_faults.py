"""Providers that fail under load, before two gateway processes: no client notices while one model of the chain is well, and the books are
right."""

from __future__ import annotations

import http.client
import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any
from urllib.parse import urlsplit

import pytest

from simulator.client import SimulatorClient
from simulator.process import SimulatorProcess
from tests.e2e.load import Ask, Shot, by_prompt, prompt_of
from tests.e2e.provider_chain import PRIMARY, PROBES, SECONDARY, Chain, say, served
from tests.gateway.budgets import budget, counter
from tests.gateway.live import Gateway, World, wait_until

# Whoever is well answers within a tenth of the time, so that a busy machine may stall a while. Where one is to be given up sooner, the task
# says when.
ENVIRONMENT = {
    "TOLLGATE_FIRST_BYTE_TIMEOUT": "2.5",
    "TOLLGATE_IDLE_TIMEOUT": "2.5",
    "TOLLGATE_TOTAL_TIMEOUT": "2.5",
    "TOLLGATE_BREAKER_OPEN": "1",
    "TOLLGATE_LEFT_STREAM_GRACE": "1",
}
FAULTS: dict[str, dict[str, Any]] = {
    "errors": {"fault": "500"},
    "rate limits": {"fault": "429"},
    "hanging": {"fault": "hang"},
    "too slow": {"fault": "slow_first_byte", "first_byte_ms": 5000},
    "cut before the first token": {"fault": "cut", "fault_after_chunks": 0},
}
WAITS = ("hanging", "too slow")
GIVEN_UP_MS, MOST_TOKENS = 1200, 20  # for a whole answer, the tokens that it may have give it 0.4 s more
STREAM = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
SURFACE = pytest.mark.parametrize("surface", ["chat", "messages"])


@pytest.fixture(scope="module")
def pair(
    django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Gateway, Gateway]]:
    """Two gateway processes on the same database and Redis."""
    with ExitStack() as stack:
        one, other = (
            stack.enter_context(Gateway.running(tmp_path_factory.mktemp("faults"), **ENVIRONMENT)) for _ in range(2)
        )
        yield one, other


@pytest.fixture
def chain(
    pair: tuple[Gateway, Gateway],
    simulator: SimulatorClient,
    simulator_process: SimulatorProcess,
    django_db_blocker: Any,
) -> Iterator[Chain]:
    with django_db_blocker.unblock():
        yield Chain.build(World.build(pair[0], simulator_process.base_url), simulator, pair)


def open_breaker(chain: Chain, **how: Any) -> list[Shot]:
    """Load until the primary's breaker is open, and both processes know it."""
    shots: list[Shot] = []

    def is_open() -> bool:
        shots.extend(chain.fire(chain.asks(16, **how)))
        return chain.state()[1] > 0

    wait_until(is_open)
    wait_until(lambda: all(chain.changes(gateway) for gateway in chain.gateways))
    return shots


@pytest.mark.parametrize(("stream", "surface"), [(False, "chat"), (True, "messages")], ids=["whole", "stream"])
@pytest.mark.parametrize("fault", FAULTS)
def test_no_client_notices_while_one_model_is_well(chain, fault, stream, surface):
    budget(chain.world, 1_000_000)
    chain.simulator.behave(model=PRIMARY, **FAULTS[fault])
    most_tokens = 100
    if fault in WAITS:
        chain.give_up_after(GIVEN_UP_MS)
        most_tokens = MOST_TOKENS
    first = open_breaker(chain, stream=stream, surface=surface, most_tokens=most_tokens)
    chain.simulator.behave(model=SECONDARY, latency_ms=200)  # the rest takes longer than a breaker stays open
    generation = chain.state()[1]
    asks = chain.asks(160, stream=stream, surface=surface, most_tokens=most_tokens)
    rest = chain.fire(asks)
    probes, most = len(chain.calls_of_primary(asks)), PROBES * chain.half_opened(generation)
    shots = first + rest
    say(f"{fault}, {surface}, {'stream' if stream else 'whole'}", shots, probes=probes, at_most=most)
    assert served(shots) == {SECONDARY: len(shots)}
    assert 0 < probes <= most
    by_request = chain.check_books(shots)
    calls = Counter(prompt_of(entry) for entry in chain.calls_of_primary([shot.ask for shot in shots]))
    for shot in shots:
        *earlier, final = by_request[shot.request_id]
        assert (final.outcome, final.model_served, final.usage_source) == ("ok", SECONDARY, "reported")
        assert {(row.outcome, row.model_served) for row in earlier} <= {("upstream_error", PRIMARY)}
        assert shot.headers["x-tollgate-attempts"] == str(len(earlier) + 1)
        assert calls[shot.ask.prompt] == len(earlier)
    assert counter(chain.world, "requests") == (len(shots), 0)


@STREAM
def test_one_that_is_slow_but_in_time_answers(chain, stream):
    chain.simulator.behave(model=PRIMARY, fault="slow_first_byte", first_byte_ms=100)
    shots = chain.fire(chain.asks(100, stream=stream))
    say("slow but in time", shots)
    assert served(shots) == {PRIMARY: 100}
    assert chain.state() == ("closed", 0)
    chain.check_books(shots)


def ends_with_an_error(shot: Shot) -> bool:
    """Whether the stream's last event is an error of the surface's format."""
    *_, last = [event for event in shot.content.split(b"\n\n") if event and not event.startswith(b":")]
    if shot.ask.path == "/v1/messages":
        return last.startswith(b"event: error\n") and json.loads(last.partition(b"data: ")[2])["type"] == "error"
    if not last.startswith(b'data: {"error"'):
        return False
    return bool(json.loads(last.removeprefix(b"data: "))["error"]["code"] == "upstream_broke_off")


@SURFACE
def test_a_stream_cut_in_the_middle_ends_with_an_error_and_is_charged_what_was_produced(chain, surface):
    budget(chain.world, 1_000_000)
    chain.simulator.behave(model=PRIMARY, fault="cut", fault_after_chunks=5, chunk_ms=10, output_tokens=40)
    shots = chain.fire(chain.asks(200, stream=True, surface=surface))
    cut = [shot for shot in shots if shot.headers["x-tollgate-model"] == PRIMARY]
    say(f"cut mid-stream, {surface}", shots, cut=len(cut))
    assert {shot.status for shot in shots} == {200}
    assert set(served(shots)) == {PRIMARY, SECONDARY}
    assert {shot.request_id for shot in shots if ends_with_an_error(shot)} == {shot.request_id for shot in cut}
    by_request = chain.check_books(shots)
    calls = by_prompt(chain.simulator, [shot.ask for shot in shots])
    for shot in cut:
        (row,) = by_request[shot.request_id]
        call = calls[shot.ask.prompt]
        assert (row.outcome, row.model_served, row.usage_source) == ("cut", PRIMARY, "estimated")
        assert row.output_tokens >= call["usage"]["output_tokens"] == 5
        assert row.input_tokens >= call["usage"]["input_tokens"]
    assert counter(chain.world, "requests") == (200, 0)


@STREAM
def test_one_that_flaps_is_hidden_by_the_other(chain, stream):
    budget(chain.world, 1_000_000)
    chain.simulator.behave(model=PRIMARY, fault="500", fault_rate=0.5)
    shots = chain.fire(chain.asks(200, stream=stream))
    say("every second call fails", shots, breaker=chain.state())
    assert {shot.status for shot in shots} == {200}
    assert set(served(shots)) <= {PRIMARY, SECONDARY}
    chain.check_books(shots)
    assert counter(chain.world, "requests") == (200, 0)


@STREAM
def test_one_that_fails_and_recovers_under_load_is_left_and_taken_up_again(chain, stream):
    world, simulator = chain.world, chain.simulator
    budget(world, 1_000_000)
    shots = chain.fire(chain.asks(32, stream=stream))
    assert served(shots) == {PRIMARY: 32}
    simulator.behave(model=PRIMARY, fault="503")
    shots += open_breaker(chain, stream=stream)
    simulator.reset()
    shots += _until_closed(chain, stream=stream)
    wait_until(lambda: all(chain.changes(gateway)[-1][1] == "closed" for gateway in chain.gateways))
    ones, others = (chain.changes(gateway) for gateway in chain.gateways)
    apart = [abs((ones[place][0] - others[place][0]).total_seconds()) for place in (0, -1)]
    assert min(apart) < 1.0  # when it opened, or when it closed: on a busy machine, a process stalls now and then
    after = chain.fire(chain.asks(32, stream=stream))
    say("fails and recovers", shots + after, apart_seconds=apart)
    assert served(after) == {PRIMARY: 32}
    assert {shot.status for shot in shots} == {200}
    chain.check_books(shots + after)
    assert counter(world, "requests") == (len(shots + after), 0)


def _until_closed(chain: Chain, *, stream: bool) -> list[Shot]:
    shots: list[Shot] = []

    def is_closed() -> bool:
        shots.extend(chain.fire(chain.asks(8, stream=stream)))
        return chain.state()[0] == "closed"

    wait_until(is_closed)
    return shots


@SURFACE
@STREAM
def test_with_both_down_clients_are_told_and_nothing_unused_is_charged(chain, stream, surface):
    budget(chain.world, 1_000_000)
    budget(chain.world, 1_000_000, "tokens")
    chain.simulator.behave(fault="500")
    shots = chain.fire(chain.asks(200, stream=stream, surface=surface))
    by_request = chain.check_books(shots)
    called = {request_id for request_id, rows in by_request.items() if any(row.attempt for row in rows)}
    say(f"both down, {surface}", shots, never_called=200 - len(called))
    assert {(shot.status, shot.code) for shot in shots} == {(503, "all_models_failed")}
    assert all(1 <= int(shot.headers["retry-after"]) <= 30 for shot in shots)
    error = json.loads(shots[-1].content)
    assert error["error"]["type"] == ("overloaded_error" if surface == "messages" else "server_error")
    assert error.get("type") == ("error" if surface == "messages" else None)
    assert set(error["error"]["detail"]["models"]) == {PRIMARY, SECONDARY}
    assert {row.cost_usd for rows in by_request.values() for row in rows} == {0}
    assert 0 < len(called) < 200
    assert counter(chain.world, "requests") == (len(called), 0)
    assert counter(chain.world, "tokens") == (0, 0)


def leave(ask: Ask, once: Callable[[], bool]) -> None:
    """Send it, and hang up without having read a byte once that is so."""
    address = urlsplit(ask.gateway.url)
    client = http.client.HTTPConnection(address.hostname or "", address.port, timeout=10)
    client.request("POST", ask.path, ask.content, {"authorization": f"Bearer {ask.secret}"})
    wait_until(once)
    client.close()


@STREAM
@pytest.mark.parametrize("moment", ["pause", "hang", "fallback"])
def test_a_client_that_leaves_before_the_answer_is_settled(chain, moment, stream):
    """While Tollgate waits before it asks again, while the primary hangs, and while the secondary makes its answer."""
    budget(chain.world, 1_000_000)
    simulator, model, calls = chain.simulator, "task/chain", 1
    if moment == "pause":
        simulator.behave(model=PRIMARY, fault="429", retry_after=1, times=1)
        model = PRIMARY
    elif moment == "hang":
        simulator.behave(model=PRIMARY, fault="hang", times=1)
        chain.give_up_after(GIVEN_UP_MS)
    else:
        calls = 2
        simulator.behave(model=PRIMARY, fault="429", retry_after=1, times=1)
        simulator.behave(model=SECONDARY, latency_ms=400)
    (ask,) = chain.asks(1, stream=stream, model=model, most_tokens=MOST_TOKENS)
    leave(ask, lambda: len(simulator.requests()) == calls)
    wait_until(lambda: counter(chain.world, "requests") == (1, 0))
    rows = wait_until(lambda: [row for row in chain.world.records_so_far() if row.is_final])
    assert len(rows) == 1
    assert rows[0].model_served == (PRIMARY if moment == "pause" else SECONDARY)
    assert rows[0].outcome in {"ok", "client_left"}
    assert rows[0].input_tokens > 0
    assert len(chain.world.records_so_far()) == 2
