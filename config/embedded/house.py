"""The processes a running Tollgate consists of besides PostgreSQL and Redis: how each one is started.

The order, the checks and what is printed are `manage.py up`'s.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import shutil
import signal
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType

import psutil

from config.embedded import process
from config.embedded.layout import Layout
from config.embedded.process import Child
from config.embedded.supervisor import Replacing, run_to_the_end, wait_until

MIGRATE_SECONDS = 600
SEED_SECONDS = 120
SIMULATOR_SECONDS = 20
READY_SECONDS = 60
GRACE_SECONDS = 5  # for requests in flight when we stop
SETTLE_SECONDS = 10  # for a gateway process to end what it has ended
WORKER_SECONDS = 90  # for the tasks that a worker is at; most stop by themselves after 30 s
SIMULATOR_SAYS = re.compile(r"simulator listening on (http://\S+?:(\d+))")


@dataclass(frozen=True)
class House:
    """What every process here needs to know."""

    project: Path
    layout: Layout
    environment: Mapping[str, str]
    host: str
    port: int
    workers: int
    listener: int  # the socket that all gateway processes share, a file descriptor of ours
    drain_seconds: float  # that a gateway process gives requests under way when it is replaced

    def migrate(self) -> None:
        """Bring the database to the present schema. Idempotent."""
        run_to_the_end(self._python("migrate", ["manage.py", "migrate", "--noinput"]), seconds=MIGRATE_SECONDS)

    def seed_demo(self, simulator_url: str | None) -> dict[str, str]:
        """Make the demonstration tenant, or find it again; returns what one needs to log in and to call the API."""
        options = [] if simulator_url is None else ["--simulator-url", simulator_url]
        child = self._python("seed_demo", ["manage.py", "seed_demo", "--json", *options])
        run_to_the_end(child, seconds=SEED_SECONDS)
        for line in reversed(child.tail(50)):
            if line.startswith("{"):
                child.log.unlink(missing_ok=True)  # it holds the credentials
                return {name: str(value) for name, value in json.loads(line).items()}
        raise child.failure("seed_demo printed no credentials")

    def simulator(self) -> Child:
        """The stand-in for the model providers, on the port it had last time if that is free."""
        port = self._remembered_simulator_port()
        return self._python("simulator", ["-m", "simulator", "--port", str(port)])

    def simulator_url(self, simulator: Child) -> str:
        """Wait until it listens, and remember its port for the next start."""
        found: list[re.Match[str]] = []

        def listens() -> bool:
            found[:] = [match for line in simulator.tail(50) if (match := SIMULATOR_SAYS.search(line))]
            return bool(found)

        wait_until(listens, simulator, seconds=SIMULATOR_SECONDS, what="listening")
        with contextlib.suppress(OSError):  # then the next start takes any port
            self._simulator_port_file.write_text(found[-1][2])
        return found[-1][1]

    def gateway(self, number: int) -> Child:
        """One of the gateway processes, counted from 1."""
        command = ["manage.py", "serve", "--fd", str(self.listener)]
        # Somebody is about to open the console: whoever has one process for all does not wait for it.
        environment = {"TOLLGATE_CONSOLE": self.environment.get("TOLLGATE_CONSOLE", "at-start")}
        if self.workers > 1:
            self._forget_metrics()
            environment["PROMETHEUS_MULTIPROC_DIR"] = str(self._metrics)
        return self._python(
            f"gateway-{number}",
            command,
            stop_signals=(signal.SIGINT,),  # hurries
            environment=environment,
            pass_fds=(self.listener,),
        )

    def make_metrics_folder(self) -> None:
        """An empty folder through which several gateway processes add up their metrics."""
        shutil.rmtree(self._metrics, ignore_errors=True)
        self._metrics.mkdir()

    def _forget_metrics(self) -> None:
        """What counts live processes, of those that were killed."""
        for file in self._metrics.glob("gauge_live*.db"):
            number = file.stem.rpartition("_")[2]
            if number.isdecimal() and not psutil.pid_exists(int(number)):
                file.unlink(missing_ok=True)

    @property
    def _metrics(self) -> Path:
        return self.layout.run_folder / "metrics"

    def replacing_gateways(self) -> Replacing:
        return Replacing(
            signal.SIGTERM,
            seconds=self.drain_seconds + SETTLE_SECONDS,
            is_ready=partial(_says, "serving as pid"),
            ready_seconds=READY_SECONDS,
        )

    def replacing_worker(self) -> Replacing:
        return Replacing(
            signal.SIGTERM,
            seconds=WORKER_SECONDS,
            is_ready=partial(_says, "working as pid"),
            ready_seconds=READY_SECONDS,
        )

    def replacing_beat(self) -> Replacing:
        return Replacing(signal.SIGTERM, seconds=10, is_ready=lambda beat: True, ready_seconds=10, is_first=True)

    def worker(self) -> Child:
        options = ["--pool", "threads", "--concurrency", "4", "-l", "warning", "--without-mingle", "--without-gossip"]
        # SIGTERM lets running tasks end, SIGQUIT does not wait for them; they are safe to run again.
        signals = (signal.SIGTERM, signal.SIGQUIT)
        return self._python("worker", ["-m", "celery", "-A", "config", "worker", *options], stop_signals=signals)

    def beat(self) -> Child:
        schedule = self.layout.run_folder / "celerybeat-schedule"
        options = ["--schedule", str(schedule), "--pidfile", "", "-l", "warning"]
        return self._python("beat", ["-m", "celery", "-A", "config", "beat", *options])

    def wait_until_ready(self, gateway: Child) -> None:
        wait_until(self._answers, gateway, seconds=READY_SECONDS, what="answering GET /readyz with 200")

    @property
    def address(self) -> str:
        """Where a browser on this machine finds us."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104 (compared, not listened on)
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"

    def _answers(self) -> bool:
        connection = http.client.HTTPConnection(self.address.removeprefix("http://"), timeout=5)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def _python(
        self,
        name: str,
        command: list[str],
        *,
        stop_signals: tuple[signal.Signals, ...] = (signal.SIGTERM,),
        environment: Mapping[str, str] = MappingProxyType({}),
        pass_fds: tuple[int, ...] = (),
    ) -> Child:
        return process.start(
            name,
            [sys.executable, *command],
            log=self.layout.log_folder / f"{name}.log",
            env={**self.environment, **environment},
            cwd=self.project,
            stop_signals=stop_signals,
            pass_fds=pass_fds,
        )

    @property
    def _simulator_port_file(self) -> Path:
        return self.layout.run_folder / "simulator.port"

    def _remembered_simulator_port(self) -> int:
        """The port of last time, so that the address in the database stays true; 0 (any) if it is taken or unknown."""
        try:
            port = int(self._simulator_port_file.read_text())
            with socket.socket() as listener:
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                listener.bind(("127.0.0.1", port))
        except (OSError, ValueError, OverflowError):
            return 0
        return port


def _says(words: str, child: Child) -> bool:
    """Whether it has said in its log that it is ready; Celery puts the time before it."""
    line = f"tollgate: {words} {child.pid}"
    return any(said.strip().endswith(line) for said in child.tail(50))


def environment_for_children(layout: Layout, database_url: str | None, redis_url: str | None) -> dict[str, str]:
    """Ours, with the embedded services' URLs where there are any."""
    environment = dict(os.environ)
    if database_url is not None:
        # PGPORT, PGOPTIONS and the like belong to another server.
        environment = {name: value for name, value in environment.items() if not name.startswith("PG")}
        environment["DATABASE_URL"] = database_url
    if redis_url is not None:
        environment["REDIS_URL"] = redis_url
    return environment | {"TOLLGATE_VAR": str(layout.root), "PYTHONUNBUFFERED": "1"}
