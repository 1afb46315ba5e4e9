"""Questions as the network has read them, remembered in this process: what was compared once is compared again sooner than something new.

Each tenant's apart: by its text alone, a quick answer would tell one tenant what another has just asked. Bounded in bytes and in time. Safe
in several threads. Nothing is answered from here.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections import OrderedDict
from typing import NamedTuple
from uuid import UUID

from gateway.caching.verify.alignment import Aligned

MOST_BYTES = 33_554_432  # a question of a dozen words takes some 75 kB
LONGEST_SECONDS = 3600.0
_WORD_BYTES = 700  # of a word apart from its vectors, about
_Name = tuple[UUID, bytes]


class _Kept(NamedTuple):
    aligned: Aligned
    size: int
    until: float  # on the monotonic clock


class Readings:
    def __init__(self, most_bytes: int = MOST_BYTES, longest_seconds: float = LONGEST_SECONDS) -> None:
        self._most_bytes = most_bytes
        self._longest_seconds = longest_seconds
        self._lock = threading.Lock()
        self._kept: OrderedDict[_Name, _Kept] = OrderedDict()  # the longest unused first
        self._bytes = 0

    def of(self, tenant_id: UUID, text: str) -> Aligned | None:
        name = _name(tenant_id, text)
        with self._lock:
            found = self._kept.get(name)
            if found is None:
                return None
            if found.until < time.monotonic():
                self._drop(name)
                return None
            self._kept.move_to_end(name)
            return found.aligned

    def keep(self, tenant_id: UUID, aligned: Aligned) -> None:
        """Remember it, or go on remembering it: for as long as it was remembered first."""
        name = _name(tenant_id, aligned.reading.text)
        size = aligned.vector_bytes + _WORD_BYTES * len(aligned.reading.words)
        with self._lock:
            if name in self._kept:
                return
            self._kept[name] = _Kept(aligned, size, time.monotonic() + self._longest_seconds)
            self._bytes += size
            while self._bytes > self._most_bytes:
                self._drop(next(iter(self._kept)))

    def _drop(self, name: _Name) -> None:
        self._bytes -= self._kept.pop(name).size


def _name(tenant_id: UUID, text: str) -> _Name:
    return tenant_id, hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=16).digest()
