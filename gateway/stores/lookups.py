"""What a reservation asks of a tenant's cached answers, and what a settlement does to them, as the scripts take it."""

from __future__ import annotations

import msgspec

FLIGHT_LEASE_MS = 4000  # a flight whose process has died is taken over after that; prolonged every second


class Lookup(msgspec.Struct, frozen=True, gc=False):
    """What a reservation asks of the tenant's cached answers: to be given the one with this fingerprint, nothing but that, to wait for
    another request that asks the same, or to be waited for."""

    digest: str
    reads: bool
    reads_only: bool
    joins: bool
    max_age_ms: int

    def only(self) -> Lookup:
        """The same, but wanting nothing but the cached answer."""
        return Lookup(self.digest, self.reads, True, False, self.max_age_ms)

    def alone(self) -> Lookup:
        """The same, but neither waiting for another request nor waited for."""
        return Lookup(self.digest, self.reads, self.reads_only, False, self.max_age_ms)

    def may(self) -> str:
        """As the script takes it."""
        return ("r" if self.reads else "") + ("o" if self.reads_only else "") + ("j" if self.joins else "")


class CacheWrite(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """What a settlement does to the tenant's cached answers besides storing one: how long and in how much room, and what it counts."""

    fresh_ms: int = 0
    stale_ms: int = 0
    max_bytes: int = 0
    hits: int = 0
    misses: int = 0
    saved_nanousd: int = 0


_encoder = msgspec.msgpack.Encoder()


def encode(write: CacheWrite) -> bytes:
    return _encoder.encode(write)
