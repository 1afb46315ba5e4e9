"""Asking a running `manage.py up` to replace its processes, and hearing what came of it.

The asker sends a signal; the one who was asked writes each outcome into a file, numbered, which the asker waits for.
"""

from __future__ import annotations

import json
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from config.embedded import lock
from config.embedded.errors import EmbeddedServiceError
from config.embedded.layout import Layout

SIGNAL = signal.SIGUSR1
POLL_SECONDS = 0.1


@dataclass(frozen=True)
class Outcome:
    """`problem`: why the processes are still the old ones, or some of them; empty if all are new."""

    number: int = 0
    problem: str = ""


def tell(layout: Layout, problem: str = "") -> None:
    """Write down how a restart has ended."""
    outcome = Outcome(_last(layout).number + 1, problem)
    draft = _file(layout).with_suffix(".new")
    draft.write_text(json.dumps({"number": outcome.number, "problem": outcome.problem}))
    draft.replace(_file(layout))


def ask(layout: Layout, *, seconds: float) -> None:
    """Have everything replaced, and wait for it. Raises EmbeddedServiceError where nothing runs, it fails, or it takes longer than that."""
    pid = lock.holder(layout.lock_file)
    if pid is None:
        raise EmbeddedServiceError(f"nothing runs in {layout.root}; start it with make run")
    before = _last(layout).number
    os.kill(pid, SIGNAL)
    deadline = time.monotonic() + seconds
    while (outcome := _last(layout)).number == before:
        if lock.holder(layout.lock_file) != pid:
            raise EmbeddedServiceError("it has ended meanwhile; its output says why")
        if time.monotonic() > deadline:
            raise EmbeddedServiceError(f"it has not come to an end within {seconds:g} s; it goes on")
        time.sleep(POLL_SECONDS)
    if outcome.problem:
        raise EmbeddedServiceError(outcome.problem)


def _last(layout: Layout) -> Outcome:
    try:
        return Outcome(**json.loads(_file(layout).read_text()))
    except (OSError, ValueError, TypeError):
        return Outcome()


def _file(layout: Layout) -> Path:
    return layout.run_folder / "restart.json"
