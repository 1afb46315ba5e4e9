"""What goes wrong, in the order of the table. Each fault is a context: it begins, lasts for a while, and is mended at its end."""

from __future__ import annotations

import contextlib
import resource
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

import psycopg

from simulator.client import SimulatorClient
from tests.chaos import clock, guests
from tests.chaos.cast import FLOOD
from tests.chaos.clients import Load
from tests.chaos.town import Town

BASE = {"latency_ms": 30, "output_tokens": 20, "chunk_ms": 5}
# Codes; in Anthropic's format, the types that stand for them there.
AWAY = frozenset({"store_unavailable", "overloaded_error"})
BROKEN = frozenset({"broken"})
FAILING = frozenset(
    {
        "upstream_timeout",
        "timeout_error",
        "upstream_broke_off",
        "api_error",
        "all_models_failed",
        "overloaded_error",
        "torn",
    }
)


@dataclass(frozen=True)
class Scene:
    town: Town
    simulator: SimulatorClient
    load: Load


@dataclass(frozen=True)
class Fault:
    """`expects`: what clients may be told meanwhile, besides that a budget is spent: codes of refusals, "broken", "torn".
    `mends_itself`: what was killed is started again by Tollgate, so recovery counts from the beginning. `around`: what has to be
    arranged before the load begins. `lets_go`: of so many guests the gateways must have
    rid themselves at the end. `missing`: why it cannot be shown here."""

    name: str
    says: str
    happens: Callable[[Scene], AbstractContextManager[None]]
    seconds: float = 2.5
    expects: frozenset[str] = frozenset()
    mends_itself: bool = False
    lets_go: int = 0
    around: Callable[[Town], AbstractContextManager[None]] = field(default=lambda town: contextlib.nullcontext())
    missing: Callable[[], str] = field(default=lambda: "")


@contextlib.contextmanager
def _redis_killed(scene: Scene) -> Iterator[None]:
    scene.town.kill_redis()
    yield
    scene.town.start_redis()


@contextlib.contextmanager
def _redis_emptied(scene: Scene) -> Iterator[None]:
    scene.town.kill_redis()
    scene.town.empty_redis()
    yield
    scene.town.start_redis()


@contextlib.contextmanager
def _redis_paused(scene: Scene) -> Iterator[None]:
    scene.town.pause_redis()
    yield
    scene.town.resume_redis()


@contextlib.contextmanager
def _gateway_killed_without_redis(scene: Scene) -> Iterator[None]:
    scene.town.kill_redis()
    scene.town.wait(0.7)
    scene.town.kill("gateway-1")
    yield
    scene.town.start_redis()


@contextlib.contextmanager
def _spool_full(scene: Scene) -> Iterator[None]:
    """No file of the gateways' may grow, as on a full disk; and Redis is away, so that they want to write."""
    pids = scene.town.gateway_pids()
    most = [resource.prlimit(pid, resource.RLIMIT_FSIZE)[1] for pid in pids]
    for pid, hard in zip(pids, most, strict=True):
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, hard))
    scene.town.kill_redis()
    yield
    scene.town.start_redis()
    scene.town.wait(0.5)
    for pid, hard in zip(pids, most, strict=True):
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (hard, hard))


@contextlib.contextmanager
def _postgres_killed(scene: Scene) -> Iterator[None]:
    scene.town.kill_postgres()
    yield
    scene.town.start_postgres()


@contextlib.contextmanager
def _postgres_read_only(scene: Scene) -> Iterator[None]:
    with scene.town.connect() as admin:
        admin.execute("ALTER SYSTEM SET default_transaction_read_only = on")
        admin.execute("SELECT pg_reload_conf()")
        yield
        admin.execute("SET default_transaction_read_only = off")
        admin.execute("ALTER SYSTEM RESET default_transaction_read_only")
        admin.execute("SELECT pg_reload_conf()")


@contextlib.contextmanager
def _postgres_full(scene: Scene) -> Iterator[None]:
    """Every connection that the server allows is taken, those that Tollgate had included."""
    taken: list[psycopg.Connection] = []
    try:
        for _ in range(3):
            with contextlib.suppress(psycopg.OperationalError):
                while True:
                    taken.append(scene.town.connect())
            ours = [connection.info.backend_pid for connection in taken]
            taken[0].execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> ALL(%s)",
                [ours],
            )
        yield
    finally:
        for connection in taken:
            connection.close()


@contextlib.contextmanager
def _worker_killed(scene: Scene) -> Iterator[None]:
    scene.town.kill("worker")
    yield


@contextlib.contextmanager
def _beat_killed(scene: Scene) -> Iterator[None]:
    scene.town.kill("beat")
    yield


@contextlib.contextmanager
def _gateway_killed(scene: Scene) -> Iterator[None]:
    scene.town.kill("gateway-1")
    yield


def _upstream(**behaviour: object) -> Callable[[Scene], AbstractContextManager[None]]:
    @contextlib.contextmanager
    def happens(scene: Scene) -> Iterator[None]:
        scene.simulator.behave(**behaviour)
        yield
        scene.simulator.reset()
        scene.simulator.behave(**BASE)

    return happens


@contextlib.contextmanager
def _clients_never_read(scene: Scene) -> Iterator[None]:
    """They stay until the load ends: the gateways have to get rid of them."""
    scene.simulator.behave(model=FLOOD, output_tokens=guests.FLOOD_TOKENS, chunk_ms=0, latency_ms=0)
    scene.load.invite(guests.never_read)
    yield


@contextlib.contextmanager
def _clients_leave(scene: Scene) -> Iterator[None]:
    leaving = scene.load.invite(guests.leave)
    yield
    leaving.cancel()


@contextlib.contextmanager
def _clients_send_slowly(scene: Scene) -> Iterator[None]:
    scene.load.invite(guests.send_slowly)
    yield


@contextlib.contextmanager
def _clock_stepped(scene: Scene) -> Iterator[None]:
    clock.step(scene.town, clock.STEP_SECONDS)
    scene.town.wait(3)
    clock.step(scene.town, -clock.STEP_SECONDS)
    yield
    clock.step(scene.town, 0)


def _no_library() -> str:
    return "" if clock.library() else "libfaketime is not installed (Debian: apt install libfaketime)"


def _no_limits() -> str:
    return "" if sys.platform == "linux" else "only Linux sets another process's limits"


FAULTS = [
    Fault("redis-killed", "Redis is killed, and started again with its data", _redis_killed, expects=AWAY),
    Fault("redis-emptied", "Redis is killed, and started again empty", _redis_emptied, expects=AWAY),
    Fault("redis-paused", "Redis stops answering (SIGSTOP)", _redis_paused, seconds=4, expects=AWAY),
    Fault("postgres-killed", "PostgreSQL is killed, and started again", _postgres_killed),
    Fault("postgres-read-only", "PostgreSQL takes no writes", _postgres_read_only),
    Fault("postgres-full", "all of PostgreSQL's connections are taken", _postgres_full),
    Fault("worker-killed", "the Celery worker is killed", _worker_killed, mends_itself=True),
    Fault("beat-killed", "Celery beat is killed", _beat_killed, mends_itself=True),
    Fault("gateway-killed", "one of two gateway processes is killed", _gateway_killed, expects=BROKEN, mends_itself=True),
    Fault("gateway-killed-away", "one is killed while Redis is away", _gateway_killed_without_redis, expects=AWAY | BROKEN),
    Fault("upstream-hangs", "the provider takes requests and never answers", _upstream(fault="hang"), expects=FAILING),
    Fault("upstream-trickles", "its answers come a byte every half second", _upstream(fault="trickle"), expects=FAILING),
    Fault("upstream-cut", "it breaks off in the middle of its answers", _upstream(fault="cut"), expects=FAILING),
    Fault("upstream-half-closed", "it closes its side half-way, and keeps the connection", _upstream(fault="half_close"), expects=FAILING),
    Fault("clients-never-read", f"{guests.NEVER_READING} clients never read their streams", _clients_never_read, seconds=4),
    Fault("clients-leave", f"{guests.LEAVING} clients leave again and again", _clients_leave),
    Fault("clients-slow", f"{guests.SLOW} clients send a byte a second", _clients_send_slowly, seconds=4, lets_go=guests.SLOW),
    Fault("spool-full", "no room for the spool, while Redis is away", _spool_full, expects=AWAY, missing=_no_limits),
    Fault(
        "clock-stepped",
        f"the clock of gateways and Redis goes {clock.STEP_SECONDS} s forward, {2 * clock.STEP_SECONDS} s back, and right again",
        _clock_stepped,
        seconds=3,
        expects=AWAY,
        around=clock.steppable,
        missing=_no_library,
    ),
]  # fmt: skip
