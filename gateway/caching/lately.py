"""Names that were seen in the last moments: a bounded memory of two halves, the older of which is dropped as a whole. No I/O."""

from __future__ import annotations

import time


class Lately:
    """What was noted within `seconds`, twice that at most; and no more than `most` names at once."""

    __slots__ = ("_fresh", "_half", "_old", "_seconds", "_turned")

    def __init__(self, *, seconds: float, most: int) -> None:
        self._seconds = seconds
        self._half = most // 2
        self._fresh: set[str] = set()
        self._old: set[str] = set()
        self._turned = time.monotonic()

    def has(self, name: str) -> bool:
        self._turn()
        return name in self._fresh or name in self._old

    def note(self, name: str) -> None:
        self._turn()
        self._fresh.add(name)

    def forget(self, name: str) -> None:
        self._fresh.discard(name)
        self._old.discard(name)

    def _turn(self) -> None:
        now = time.monotonic()
        if now - self._turned > self._seconds or len(self._fresh) >= self._half:
            self._old = self._fresh if now - self._turned <= 2 * self._seconds else set()
            self._fresh = set()
            self._turned = now
