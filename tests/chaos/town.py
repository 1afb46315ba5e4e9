"""Tollgate as `make run WORKERS=2` starts it: the same commands and the same supervisor, in a folder of its own.

One thing is done for the supervisor: PostgreSQL and Redis, with whose end `make run` ends, are killed and started again here. Signals go to
processes that were started here, by their pids, and to nothing else. To be used from the main thread, as children are.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import psycopg

from config import listening
from config.embedded import layout as layouts
from config.embedded import postgres, redis
from config.embedded.house import GRACE_SECONDS, SETTLE_SECONDS, House, environment_for_children
from config.embedded.layout import Layout
from config.embedded.process import Child
from config.embedded.supervisor import Stage, Supervisor
from tests.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
GATEWAYS = 2
DRAIN_SECONDS = 30.0  # nothing is replaced here
LOG_SIZE = 50_000  # requests that the simulator remembers
# So that a fault is over within seconds: what is waited for by default, up to ten minutes, is only shorter here.
SHORT = {
    "TOLLGATE_FIRST_BYTE_TIMEOUT": "3",
    "TOLLGATE_IDLE_TIMEOUT": "3",
    "TOLLGATE_TOTAL_TIMEOUT": "5",
    "TOLLGATE_CLIENT_TIMEOUT": "3",
    "TOLLGATE_BREAKER_OPEN": "2",
    "TOLLGATE_LEASE": "8",
    "TOLLGATE_LOG_LEVEL": "WARNING",
}


class Town:
    """The running Tollgate."""

    def __init__(self, folder: Path) -> None:
        folder.chmod(0o711)  # as root, PostgreSQL runs as another user, who must get through
        self.layout = self.layout_in(folder)
        self.layout.prepare()
        self.said: list[str] = []
        self.supervisor = Supervisor(self.said.append)
        self._postgres: Child | None = None
        self._redis: Child | None = None
        self._simulator: Child | None = None
        environment = environment_for_children(self.layout, self.layout.database_url, self.layout.redis_url)
        self._listener = listening.bound("127.0.0.1", 0)
        host, port = self._listener.getsockname()
        self.house = House(
            ROOT,
            self.layout,
            environment | SHORT,
            host,
            port,
            GATEWAYS,
            self._listener.fileno(),
            drain_seconds=DRAIN_SECONDS,
        )
        self.simulator_url = f"http://127.0.0.1:{free_port()}"

    @staticmethod
    def layout_in(folder: Path) -> Layout:
        return layouts.of(folder / "var")

    def start(self) -> None:
        self.start_postgres()
        self.start_redis()
        self.house.migrate()
        command = ["-m", "simulator", "--port", self.simulator_url.rpartition(":")[2], "--log-size", str(LOG_SIZE)]
        self._simulator = self.house._python("simulator", command)
        self.start_processes()

    def start_processes(self, **environment: str) -> None:
        """Gateways, worker and beat. `environment`: of the gateways, besides their own."""
        house = replace(self.house, environment={**self.house.environment, **environment})
        house.make_metrics_folder()
        seconds = GRACE_SECONDS + SETTLE_SECONDS
        run = self.supervisor.run
        for number in range(1, GATEWAYS + 1):
            serve = partial(house.gateway, number)
            gateway = run(serve, stage=Stage.FRONT, stop_seconds=seconds, restartable=True)
        for start in (self.house.worker, self.house.beat):
            run(start, stage=Stage.BACKGROUND, stop_seconds=2, restartable=True)
        house.wait_until_ready(gateway)

    def stop_processes(self) -> None:
        self.supervisor.stop()
        self.supervisor = Supervisor(self.said.append)

    def stop(self) -> None:
        """Stop everything in reverse order. Idempotent."""
        self._listener.close()
        if self._redis is not None and not self._redis.has_ended():
            os.kill(self._redis.pid, signal.SIGCONT)
        self.supervisor.stop()
        for child in (self._simulator, self._redis, self._postgres):
            if child is not None:
                child.stop(seconds=5)

    def look(self) -> None:
        """Restart what the supervisor would."""
        self.supervisor.look(time.monotonic())

    def wait(self, seconds: float) -> None:
        """Time passes; the supervisor goes on looking after its children."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.look()
            time.sleep(0.05)

    def wait_until(self, condition: Callable[[], bool], *, seconds: float, pause: float = 0.1) -> bool:
        """Whether it came true in time."""
        until = time.monotonic() + seconds
        while True:
            if condition():
                return True
            if time.monotonic() > until:
                return False
            self.wait(pause)

    # Redis

    def start_redis(self) -> None:
        self._redis = redis.start(self.layout, durable=True)

    def kill_redis(self) -> None:
        assert self._redis is not None
        _kill(self._redis)

    def stop_redis(self) -> None:
        assert self._redis is not None
        self._redis.stop(seconds=5)

    def empty_redis(self) -> None:
        """Its data, while it is not running."""
        shutil.rmtree(self.layout.redis_data)

    def pause_redis(self) -> None:
        assert self._redis is not None
        os.kill(self._redis.pid, signal.SIGSTOP)

    def resume_redis(self) -> None:
        assert self._redis is not None
        os.kill(self._redis.pid, signal.SIGCONT)

    # PostgreSQL

    def start_postgres(self) -> None:
        self._postgres = postgres.start(self.layout, durable=True)

    def kill_postgres(self) -> None:
        """Its server; the processes of its connections see that and end by themselves."""
        assert self._postgres is not None
        _kill(self._postgres)

    def connect(self) -> psycopg.Connection:
        """As the superuser, on a connection of the caller's own."""
        return psycopg.connect(self.layout.database_url, autocommit=True, connect_timeout=5)

    # the other processes

    def kill(self, name: str) -> None:
        """The worker, beat, gateway-1 or gateway-2, by SIGKILL."""
        for place in self.supervisor._watched:
            if place.child.name == name:
                _kill(place.child)

    def gateway_pids(self) -> list[int]:
        """Of the processes that serve."""
        children = [place.child for place in self.supervisor._watched if place.child.name.startswith("gateway-")]
        return [child.pid for child in children if not child.has_ended()]

    @property
    def url(self) -> str:
        return self.house.address

    @property
    def spool(self) -> Path:
        return self.layout.root / "spool"


@contextlib.contextmanager
def running(folder: Path) -> Iterator[Town]:
    """Start it all below `folder`; stopped at the end, whichever way it comes."""
    town = Town(folder)
    try:
        town.start()
        yield town
    finally:
        town.stop()


def _kill(child: Child) -> None:
    if not child.has_ended():
        os.kill(child.pid, signal.SIGKILL)
    child.wait(10)
