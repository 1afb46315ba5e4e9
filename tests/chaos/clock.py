"""The clock is stepped by libfaketime, preloaded into gateways and Redis: what they take for the time of day jumps, in both directions,
while the monotonic clock goes on. The others keep the true time, as on another machine: under libfaketime 0.9.10 Python's `time.sleep`
fails, which beat and the worker need and the gateways do not. Where the library is missing, the fault is skipped.
"""

from __future__ import annotations

import contextlib
import glob
import os
from collections.abc import Iterator
from pathlib import Path

from tests.chaos.town import Town

PLACES = ("/usr/lib/*/faketime/libfaketimeMT.so.1", "/usr/lib/faketime/libfaketimeMT.so.1")
STEP_SECONDS = 90
REREAD_SECONDS = 1


def library() -> str:
    """Where it is; empty if it is not installed. LIBFAKETIME names another place."""
    named = os.environ.get("LIBFAKETIME", "")
    found = [named] if named else [path for pattern in PLACES for path in glob.glob(pattern)]
    return next((path for path in found if Path(path).exists()), "")


@contextlib.contextmanager
def steppable(town: Town) -> Iterator[None]:
    """Gateways and Redis are started anew, with a clock that `step` sets, and go on with it, right again, afterwards."""
    step(town, 0)
    _restart(town, _environment(town))
    try:
        yield
    finally:
        step(town, 0)


def _environment(town: Town) -> dict[str, str]:
    return {
        "LD_PRELOAD": library(),
        "FAKETIME_TIMESTAMP_FILE": str(_file(town)),
        "FAKETIME_CACHE_DURATION": str(REREAD_SECONDS),
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "FAKETIME_DISABLE_SHM": "1",
    }


def step(town: Town, seconds: int) -> None:
    """By so much the clocks are wrong from the next second on."""
    draft = _file(town).with_suffix(".new")
    draft.write_text(f"{seconds:+d}s\n")
    draft.chmod(0o644)
    draft.replace(_file(town))


def _restart(town: Town, environment: dict[str, str]) -> None:
    town.stop_processes()
    town.stop_redis()
    before = dict(os.environ)
    os.environ.update(environment)  # Redis takes ours
    try:
        town.start_redis()
    finally:
        os.environ.clear()
        os.environ.update(before)
    town.start_processes(**environment)


def _file(town: Town) -> Path:
    return town.layout.root / "clock"
