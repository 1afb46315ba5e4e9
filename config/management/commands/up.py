"""`manage.py up`, which `make run` runs: all of Tollgate, started in order, watched, and stopped in order."""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from config import listening
from config.embedded import checks, lock, postgres, process, redis, restarts
from config.embedded import layout as layouts
from config.embedded.errors import EmbeddedServiceError
from config.embedded.house import GRACE_SECONDS, SETTLE_SECONDS, House, environment_for_children
from config.embedded.layout import Layout
from config.embedded.supervisor import Stage, Supervisor
from config.management import banner

PROVIDER_KEYS = ("ANTHROPIC_API_KEY", "OPENAI_API_KEY")
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
AGAIN_SECONDS = 0.25


class StopRequested(BaseException):
    """Somebody wants us to end. Not an Exception, so that no handler on the way takes it for a failure."""


class Command(BaseCommand):
    help = "Start PostgreSQL, Redis, the simulator, the web server and the background workers; Ctrl-C stops them."
    requires_system_checks: list[str] = []  # they would need the database that is not there yet
    requires_migrations_checks = False

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="the address to listen on (default: %(default)s)")
        parser.add_argument("--port", type=_port, default=8000, help="the port to listen on (default: %(default)s)")
        parser.add_argument("--workers", type=_workers, default=1, help="web server processes (default: %(default)s)")
        parser.add_argument(
            "--end-with-parent", action="store_true", help="stop when the process that started this one dies"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Runs until it is told to stop (exit status 0) or something cannot run (one line on stderr, exit status 1)."""
        if options["end_with_parent"]:
            process.end_with_parent()
        signal.signal(restarts.SIGNAL, signal.SIG_IGN)  # until there is something to replace
        for number in STOP_SIGNALS:
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # `nohup` is to be respected
                signal.signal(number, _request_stop)
        started_at = time.monotonic()
        run = _Run(self._say)
        status = 0
        try:
            house = run.start(host=options["host"], port=options["port"], workers=options["workers"])
            self._say(banner.text(*run.summary(house), seconds=time.monotonic() - started_at, logs=_short(run.layout)))
            signal.signal(restarts.SIGNAL, run.ask_to_restart)
            run.supervisor.watch_forever(besides=lambda: run.restart_if_asked(house))
        except StopRequested:
            _ignore_stop_signals()
            self._say("\nStopping ...")
        except EmbeddedServiceError as error:
            self.stderr.write(f"tollgate: {error}")
            status = 1
        finally:
            _ignore_stop_signals()  # from here on it ends by itself, within bounds
            run.stop()
        if status == 0:
            self._say("Tollgate has stopped; its data is kept.")
        sys.exit(status)

    def _say(self, line: str) -> None:
        with contextlib.suppress(OSError):  # a terminal that was closed must not keep us from stopping
            self.stdout.write(line)
            self.stdout.flush()


class _Run:
    """One run: the order of the start, and the reverse."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self.say = say
        self.layout: Layout = layouts.of(Path(settings.VAR_DIR))
        self.supervisor = Supervisor(say)
        self._lock: lock.FolderLock | None = None
        self._listener: socket.socket | None = None
        self._is_restart_asked = False
        self._seed: dict[str, str] = {}

    def start(self, *, host: str, port: int, workers: int) -> House:
        """Start everything and wait until it answers. Raises EmbeddedServiceError; call `stop` then as well."""
        self.layout.prepare()
        self._lock = lock.acquire(self.layout.lock_file)
        checks.port_is_free(host, port)
        environment = environment_for_children(self.layout, self._database(), self._redis())
        self._listener = listening.bound(host, port)
        listener, drain_seconds = self._listener.fileno(), settings.DRAIN_SECONDS
        house = House(
            Path(settings.BASE_DIR),
            self.layout,
            environment,
            host,
            port,
            workers,
            listener,
            drain_seconds=drain_seconds,
        )
        self._seed = self._prepare_data(house)
        house.make_metrics_folder()
        seconds = GRACE_SECONDS + SETTLE_SECONDS
        for number in range(1, workers + 1):
            serve = partial(house.gateway, number)
            gateway = self.supervisor.run(serve, stage=Stage.FRONT, stop_seconds=seconds, restartable=True)
        for start in (house.worker, house.beat):
            self.supervisor.run(start, stage=Stage.BACKGROUND, stop_seconds=2, restartable=True)
        house.wait_until_ready(gateway)
        return house

    def ask_to_restart(self, _number: int, _frame: FrameType | None) -> None:
        self._is_restart_asked = True

    def restart_if_asked(self, house: House) -> None:
        """Replace every process that runs our code by a new one, one after another; where one cannot be, the rest stay as they are.

        The schema first, which the old code has to bear; then the worker, which has to understand what new gateway processes write.
        """
        if not self._is_restart_asked:
            return
        self._is_restart_asked = False
        self.say("Replacing the processes ...")
        problem = ""
        try:
            house.migrate()
            self.supervisor.replace("worker", house.replacing_worker())
            self.supervisor.replace("beat", house.replacing_beat())
            for number in range(1, house.workers + 1):
                self.supervisor.replace(f"gateway-{number}", house.replacing_gateways())
        except EmbeddedServiceError as error:
            problem = str(error)
        self.say(f"Not all processes could be replaced: {problem}" if problem else "All processes have been replaced.")
        restarts.tell(self.layout, problem)

    def summary(self, house: House) -> tuple[str, dict[str, str]]:
        return house.address, self._seed

    def stop(self) -> None:
        """Stop everything in reverse order. Idempotent."""
        if self._listener is not None:
            self._listener.close()  # nobody shall wait to be accepted
        self.supervisor.stop()
        process.stop_all(seconds=5)  # the services, after whatever a signal kept from being remembered
        if self._lock is not None:
            self._lock.release()

    def _database(self) -> str | None:
        """The URL of the embedded PostgreSQL, started; None when DATABASE_URL names another, which is then checked."""
        if url := os.environ.get("DATABASE_URL", "").strip():
            checks.database_fits(url)
            return None
        if not self.layout.postgres_data.exists():
            self.say("Setting up PostgreSQL ...")
        self.supervisor.adopt([postgres.start(self.layout, durable=True)])
        return self.layout.database_url

    def _redis(self) -> str | None:
        """The URL of the embedded Redis, started; None when REDIS_URL names another, which is then checked."""
        if url := os.environ.get("REDIS_URL", "").strip():
            checks.redis_answers(url)
            return None
        self.supervisor.adopt([redis.start(self.layout, durable=True)])
        return self.layout.redis_url

    def _prepare_data(self, house: House) -> dict[str, str]:
        """The schema, the demonstration tenant and, unless every provider has a key, the simulator that answers it."""
        simulator = None
        if not all(os.environ.get(name, "").strip() for name in PROVIDER_KEYS):
            simulator = self.supervisor.run(house.simulator, stage=Stage.UPSTREAM, stop_seconds=2, restartable=True)
        house.migrate()
        return house.seed_demo(None if simulator is None else house.simulator_url(simulator))


def _request_stop(_number: int, _frame: FrameType | None) -> None:
    """Raises `StopRequested`, and soon again until somebody has caught it: Python drops what is raised while it forks."""
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGALRM, _request_stop)
    signal.setitimer(signal.ITIMER_REAL, AGAIN_SECONDS)
    raise StopRequested


def _ignore_stop_signals() -> None:
    signal.setitimer(signal.ITIMER_REAL, 0)
    for number in (*STOP_SIGNALS, signal.SIGALRM):
        signal.signal(number, signal.SIG_IGN)


def _short(layout: Layout) -> str:
    """The log folder as one types it: relative where that is shorter."""
    return (
        os.path.relpath(layout.log_folder) if layout.log_folder.is_relative_to(Path.cwd()) else str(layout.log_folder)
    )


def _port(text: str) -> int:
    return _number(text, "a port", 1, 65535)


def _workers(text: str) -> int:
    return _number(text, "a number of workers", 1, 256)


def _number(text: str, what: str, low: int, high: int) -> int:
    try:
        number = int(text)
    except ValueError:
        number = low - 1
    if not low <= number <= high:
        raise argparse.ArgumentTypeError(f"{text!r} is not {what} from {low} to {high}")
    return number
