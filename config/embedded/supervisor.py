"""Watches the children of `manage.py up`: restarts those that may be, gives up on the others, replaces some on request, stops all in order.

Knows nothing of what the children do. PostgreSQL and Redis are watched here and stopped by whoever started them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import IntEnum
from functools import partial
from signal import Signals

from config.embedded.errors import EmbeddedServiceError
from config.embedded.process import Child

WATCH_SECONDS = 0.25
RESTARTS_PER_MINUTE = 5


class Stage(IntEnum):
    """When a child is stopped, lowest first; children of one stage end side by side."""

    FRONT = 1  # takes requests: first, so that those in flight find everything behind it still running
    BACKGROUND = 2
    UPSTREAM = 3


@dataclass
class Watched:
    """One place in the house: its present child, and how to fill it again if it may be."""

    child: Child
    stage: Stage | None  # None: somebody else stops it
    stop_seconds: float
    restart: Callable[[], Child] | None
    restarts: list[float] = field(default_factory=list)  # when, in the last minute
    restart_at: float | None = None


@dataclass(frozen=True)
class Replacing:
    """How a child is replaced by a new one of its kind. `is_first`: the old one ends before the new one begins, as where there may be one
    only. `signal` lets the old one end within `seconds`; after that it is stopped."""

    signal: Signals
    seconds: float
    is_ready: Callable[[Child], bool]
    ready_seconds: float
    is_first: bool = False


class Supervisor:
    """The running children. Call from the main thread only: children are tied to the thread that starts them."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._watched: list[Watched] = []
        self._retiring: list[Child] = []

    def adopt(self, children: Iterable[Child]) -> None:
        """Watch children that somebody else stops; when one of them ends, everything does."""
        self._watched += [Watched(child, stage=None, stop_seconds=0, restart=None) for child in children]

    def run(self, start: Callable[[], Child], *, stage: Stage, stop_seconds: float, restartable: bool) -> Child:
        """Start a child and watch it."""
        child = start()
        self._watched.append(Watched(child, stage, stop_seconds, start if restartable else None))
        return child

    def watch_forever(self, besides: Callable[[], None] = lambda: None) -> None:
        """Restart what may be restarted, and do `besides` after each look; raises EmbeddedServiceError, with the log's tail, once something
        cannot be restarted.
        """
        while True:
            self.look(time.monotonic())
            besides()
            time.sleep(WATCH_SECONDS)

    def look(self, now: float) -> None:
        """Look after every child once. Raises as `watch_forever` does."""
        for place in self._watched:
            if place.restart_at is not None:
                if now >= place.restart_at and place.restart is not None:
                    place.child, place.restart_at = place.restart(), None
            elif place.child.has_ended():
                self._plan_restart(place, now)

    def _plan_restart(self, place: Watched, now: float) -> None:
        child = place.child
        place.restarts = [moment for moment in place.restarts if now - moment < 60]
        if place.restart is None:
            raise child.failure(f"{child.name} has ended unexpectedly ({_how(child)}), so everything stops")
        if len(place.restarts) >= RESTARTS_PER_MINUTE:
            raise child.failure(
                f"{child.name} has ended {len(place.restarts) + 1} times within a minute ({_how(child)})"
            )
        delay_seconds = 0.5 * 2 ** len(place.restarts)
        place.restarts.append(now)
        place.restart_at = now + delay_seconds
        self._say(f"{child.name} has ended ({_how(child)}), starting it again in {delay_seconds:g} s; log: {child.log}")

    def replace(self, name: str, how: Replacing) -> None:
        """Put a new child into the place of the restartable one of that name. The others are watched meanwhile.

        Raises EmbeddedServiceError where the new one ends or does not get ready in time: the old one is then left as it is, unless it
        had to end first.
        """
        place = next(place for place in self._watched if place.child.name == name)
        if place.restart is None:
            raise RuntimeError(f"{name} cannot be replaced")
        if how.is_first:
            self._retire(place, how)
            place.child, place.restart_at = place.restart(), None
            wait_until(partial(how.is_ready, place.child), place.child, seconds=how.ready_seconds, what="ready")
            return
        new = place.restart()
        self._retiring.append(new)  # to be stopped, should we be told to stop now
        try:
            wait_until(partial(how.is_ready, new), new, seconds=how.ready_seconds, what="ready")
        except EmbeddedServiceError:
            new.stop(seconds=1)
            self._retiring.remove(new)
            raise
        self._retiring.remove(new)
        old, place.child, place.restart_at = place.child, new, None
        self._end(old, how)

    def _retire(self, place: Watched, how: Replacing) -> None:
        """End a place's child, and nobody shall miss it meanwhile."""
        self._watched.remove(place)
        try:
            self._end(place.child, how)
        finally:
            self._watched.append(place)

    def _end(self, child: Child, how: Replacing) -> None:
        self._retiring.append(child)
        child.retire(how.signal)
        deadline = time.monotonic() + how.seconds
        while not child.wait(WATCH_SECONDS) and time.monotonic() < deadline:
            self.look(time.monotonic())
        child.stop(seconds=1)
        self._retiring.remove(child)

    def stop(self) -> None:
        """Stop all children that were started here, stage by stage. Idempotent; bounded by their stop times."""
        for child in self._retiring:
            child.ask_to_stop()
        for stage in Stage:
            places = [place for place in self._watched if place.stage is stage]
            for place in places:
                place.restart_at = None
                place.child.ask_to_stop()
            for place in places:
                place.child.stop(seconds=place.stop_seconds)
        for child in self._retiring:
            child.stop(seconds=1)


def wait_until(ready: Callable[[], bool], child: Child, *, seconds: float, what: str) -> None:
    """Poll `ready`; raises EmbeddedServiceError with `child`'s log when it ends or the time is over."""
    deadline = time.monotonic() + seconds
    while not ready():
        if child.has_ended():
            raise child.failure(f"{child.name} has ended ({_how(child)}) before {what}")
        if time.monotonic() > deadline:
            raise child.failure(f"{child.name} is not ready: not {what} within {seconds:g} s")
        time.sleep(0.1)


def run_to_the_end(child: Child, *, seconds: float) -> None:
    """Wait for a child that does one thing; raises EmbeddedServiceError when that fails or takes too long.

    It is stopped, too, when we are interrupted meanwhile.
    """
    try:
        finished = child.wait(seconds)
    finally:
        child.stop(seconds=5)
    if not finished:
        raise child.failure(f"{child.name} did not finish within {seconds:g} s")
    if child.exit_status != 0:
        raise child.failure(f"{child.name} failed ({_how(child)})")


def _how(child: Child) -> str:
    status = child.exit_status
    if status is not None and status < 0:
        return f"signal {-status}"
    return f"exit status {status}"
