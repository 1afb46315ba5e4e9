"""One fault from the first request to the last look at the books. Needs Django."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field

import psycopg
import redis
from django.db import Error as DatabaseError

from simulator.client import SimulatorClient
from tests.chaos import books, reading
from tests.chaos import cast as casts
from tests.chaos.books import Call, Findings, Told
from tests.chaos.cast import Cast
from tests.chaos.clients import Load, Shot
from tests.chaos.faults import BASE, Fault, Scene
from tests.chaos.town import Town

RECOVERY_SECONDS = 40.0  # at most
SETTLING_SECONDS = 30.0
BEHIND_SECONDS = 2.0  # what ended so long ago is in the log, when nothing is wrong
UNAVAILABLE = (DatabaseError, psycopg.Error, redis.RedisError)
ALWAYS_EXPECTED = frozenset({"budget_spent", "budget_held"})


@dataclass
class Result:
    """What came of it. Times in seconds; None: never."""

    fault: Fault
    cast: Cast
    shots: list[Shot] = field(default_factory=list)
    recovered: float | None = None
    caught_up: float | None = None
    are_spent: bool = False
    let_go: int = 0
    calls: list[Call] = field(default_factory=list)
    told: list[Told] = field(default_factory=list)
    findings: Findings = field(default_factory=Findings)

    @property
    def unexpected(self) -> Counter[str]:
        """What clients were told and should not have been."""
        allowed = self.fault.expects | ALWAYS_EXPECTED
        found: Counter[str] = Counter()
        for shot in self.shots:
            if shot.outcome == "refused" and (shot.code not in allowed or shot.status == 500):
                found[f"{shot.status} {shot.code}"] += 1
            elif shot.outcome in ("broken", "torn", "hung") and shot.outcome not in allowed:
                found[f"{shot.outcome} {shot.code}".strip()] += 1
        return found

    @property
    def is_good(self) -> bool:
        has_recovered = self.recovered is not None and self.caught_up is not None
        return self.findings.is_clean and not self.unexpected and has_recovered and self.are_spent and self.has_let_go

    @property
    def has_let_go(self) -> bool:
        return self.let_go >= self.fault.lets_go

    def count(self, *outcomes: str) -> int:
        return sum(shot.outcome in outcomes for shot in self.shots)


def play(town: Town, simulator: SimulatorClient, fault: Fault) -> Result:
    simulator.reset()
    simulator.clear()
    simulator.behave(**BASE)
    with fault.around(town):
        result = Result(fault, casts.make(fault.name))
        load = Load(town.url, result.cast)
        load.start()
        try:
            _endure(town, simulator, fault, load, result)
            load.stop()
            spent = [load.begin(load.use_up(member)) for member in result.cast.budgeted]
            town.wait_until(lambda: all(one.done() for one in spent), seconds=60)
            result.are_spent = all(one.result() for one in spent)
            result.shots = list(load.shots)
            result.let_go = load.let_go
            _settle(town, simulator, load, result)
        finally:
            load.close()
    return result


def look_again(town: Town, result: Result) -> bool:
    """At the books, long afterwards: whether they agree. What is replayed or swept late must not have doubled anything."""
    accounts = reading.accounts(result.cast, town.layout.redis_url)
    result.findings = books.compare(result.calls, result.told, reading.rows(result.cast), accounts)
    return result.findings.is_clean


def _endure(town: Town, simulator: SimulatorClient, fault: Fault, load: Load, result: Result) -> None:
    start = time.monotonic()

    def is_well() -> bool:
        return load.served_again(start) is not None and _is_caught_up(load, result.cast)

    if not town.wait_until(is_well, seconds=RECOVERY_SECONDS):
        raise RuntimeError(f"{fault.name}: all was not well even before the fault: {load.shots[-3:]}")
    since = time.monotonic()
    with fault.happens(Scene(town, simulator, load)):
        town.wait(fault.seconds)
    if not fault.mends_itself:
        since = time.monotonic()

    def has_recovered() -> bool:
        if result.caught_up is None and _is_caught_up(load, result.cast):
            result.caught_up = time.monotonic() - since
        result.recovered = load.served_again(since)
        return result.recovered is not None and result.caught_up is not None

    town.wait_until(has_recovered, seconds=RECOVERY_SECONDS)


def _is_caught_up(load: Load, cast: Cast) -> bool:
    """Whether what ended a moment ago stands in the log."""
    until = time.monotonic() - BEHIND_SECONDS
    ended = sum(shot.ended < until and shot.status > 0 for shot in list(load.shots))
    try:
        return reading.count_rows(cast) >= ended
    except UNAVAILABLE:
        return False


def _settle(town: Town, simulator: SimulatorClient, load: Load, result: Result) -> None:
    """Wait until all is in the books and nothing is held, and compare."""
    result.told = reading.told(load.shots)

    def is_settled() -> bool:
        result.calls = reading.calls(simulator, load.owners)
        try:
            waiting = reading.waiting(result.cast, town.layout.redis_url)
            accounts = reading.accounts(result.cast, town.layout.redis_url)
            result.findings = books.compare(result.calls, result.told, reading.rows(result.cast), accounts)
        except UNAVAILABLE as error:
            result.findings = Findings(drifted=[f"the books cannot be read: {error}"])
            return False
        if waiting:
            result.findings.drifted.append(f"{waiting} records or holds still wait in Redis")
        return result.findings.is_clean

    town.wait_until(is_settled, seconds=SETTLING_SECONDS, pause=0.4)
