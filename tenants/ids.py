"""Identifiers: time-ordered UUIDs (version 7, RFC 9562), so that rows made together lie together in an index.

No Django here: the data plane makes one for each request.
"""

import os
import time
from uuid import UUID

_VERSION_7 = 0x7 << 76
_VARIANT = 0x2 << 62
_RANDOM_A = (1 << 12) - 1
_RANDOM_B = (1 << 62) - 1


def uuid7(unix_ms: int | None = None, *, without: int = 0) -> UUID:
    """A new UUID whose first 48 bits are `unix_ms` (milliseconds since 1970; now by default) and the rest random, but for the bits of
    `without`, which are 0."""
    if unix_ms is None:
        unix_ms = time.time_ns() // 1_000_000
    random = int.from_bytes(os.urandom(10), "big")
    number = unix_ms << 80 | _VERSION_7 | (random >> 62 & _RANDOM_A) << 64 | _VARIANT | random & _RANDOM_B
    return UUID(int=number & ~without)
