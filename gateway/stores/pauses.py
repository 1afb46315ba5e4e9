"""A small circuit breaker of one process for a store that requests can do without: after failures in a row nobody tries for a while.

Not for providers: what many processes have to agree on is `gateway.resilience`'s.
"""

from __future__ import annotations

import time
from collections.abc import Callable

IN_A_ROW = 3
FIRST_SECONDS, LONGEST_SECONDS = 1.0, 30.0


class Permit:
    """To try once. Say what came of it: one of the three, once."""

    def __init__(self, pauses: Pauses, *, is_probe: bool) -> None:
        self._pauses = pauses
        self._is_probe = is_probe

    def went_well(self) -> None:
        self._pauses.close()

    def went_badly(self) -> None:
        self._pauses.fail(is_probe=self._is_probe)

    def is_unknown(self) -> None:
        if self._is_probe:
            self._pauses.let_another_probe()


class Pauses:
    """To be used from one event loop. The pause begins at a second and doubles with each probe that fails."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures = 0
        self._pause_seconds = FIRST_SECONDS
        self._until: float | None = None  # None: nothing is wrong
        self._is_probing = False

    def permit(self) -> Permit | None:
        """None while it is paused: do without. After a pause one may try, and the others wait for what comes of it."""
        if self._until is None:
            return Permit(self, is_probe=False)
        if self._is_probing or self._clock() < self._until:
            return None
        self._is_probing = True
        return Permit(self, is_probe=True)

    def close(self) -> None:
        self._failures = 0
        self._pause_seconds = FIRST_SECONDS
        self._until = None
        self._is_probing = False

    def fail(self, *, is_probe: bool) -> None:
        self._failures += 1
        if is_probe:
            self._pause_seconds = min(self._pause_seconds * 2, LONGEST_SECONDS)
            self._is_probing = False
        elif self._until is not None or self._failures < IN_A_ROW:
            return
        self._until = self._clock() + self._pause_seconds

    def let_another_probe(self) -> None:
        self._is_probing = False
