"""Identifiers: time-ordered UUIDs (version 7, RFC 9562), so that rows made together lie together in an index.

No Django here: the data plane makes one for each request.
"""

import os
import time
from collections.abc import Iterator
from uuid import UUID, SafeUUID

_VERSION_7 = 0x7 << 76
_VARIANT = 0x2 << 62
_RANDOM_A = (1 << 12) - 1
_RANDOM_B = (1 << 62) - 1
_RANDOM_BYTES = 10
_AT_ONCE = 256  # random numbers that are asked of the system in one call

_random: Iterator[bytes] = iter(())
_UNKNOWN = SafeUUID.unknown
_set_number, _set_safety = UUID.int.__set__, UUID.is_safe.__set__  # type: ignore[misc, attr-defined]  # its slots, which it guards


def uuid7(unix_ms: int | None = None, *, without: int = 0) -> UUID:
    """A new UUID whose first 48 bits are `unix_ms` (milliseconds since 1970; now by default) and the rest random, but for the bits of
    `without`, which are 0."""
    if unix_ms is None:
        unix_ms = time.time_ns() // 1_000_000
    random = int.from_bytes(next(_random, None) or _more(), "big")
    number = unix_ms << 80 | _VERSION_7 | (random >> 62 & _RANDOM_A) << 64 | _VARIANT | random & _RANDOM_B
    return of_int(number & ~without)


def of_int(number: int) -> UUID:
    """`UUID(int=number)`, without its checks, which take two thirds of its time. `number` must be one of 128 bits."""
    made = UUID.__new__(UUID)
    _set_number(made, number)
    _set_safety(made, _UNKNOWN)
    return made


def parse(text: str) -> UUID | None:
    """None if it is none."""
    try:
        return UUID(text)
    except ValueError:
        return None


def _more() -> bytes:
    """Random bytes, and others for later. Whoever takes one takes it from the others, in whichever thread."""
    global _random
    made = os.urandom(_RANDOM_BYTES * _AT_ONCE)
    pieces = [made[at : at + _RANDOM_BYTES] for at in range(0, len(made), _RANDOM_BYTES)]
    first = pieces.pop()
    _random = iter(pieces)
    return first


def _forget() -> None:
    """A process that was forked must not go on with what its parent goes on with."""
    global _random
    _random = iter(())


os.register_at_fork(after_in_child=_forget)
