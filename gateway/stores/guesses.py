"""How often an address may have keys looked up that nobody has. Known keys never come here, so they go on from the same address.

A key cannot be guessed (256 bits); what a guess costs is a look-up in PostgreSQL, and that is what is bounded. Each process counts for
itself, in memory that does not grow: of ever more addresses the oldest are forgotten.
"""

from __future__ import annotations

import ipaddress
import math
import time
from collections import OrderedDict
from collections.abc import Callable

MINUTE = 60.0
ADDRESSES_KEPT = 10_000
SITE_BITS_V6 = 64  # what one customer of a provider has at least


class Guesses:
    """The generic cell rate algorithm: a minute's worth at once, and what was used comes back bit by bit."""

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds_each = MINUTE / per_minute
        self._clock = clock
        self._paid_until: OrderedDict[str, float] = OrderedDict()

    def wait(self, address: str) -> int:
        """For how many seconds nothing more is looked up for it; 0: it may go on."""
        early = self._paid_until.get(_site(address), 0.0) + self._seconds_each - self._clock() - MINUTE
        return max(0, math.ceil(early))

    def note(self, address: str) -> None:
        """It sent a key that nobody has."""
        site, now = _site(address), self._clock()
        paid = max(self._paid_until.get(site, now), now) + self._seconds_each
        self._paid_until[site] = min(paid, now + 2 * MINUTE)
        self._paid_until.move_to_end(site)
        while len(self._paid_until) > ADDRESSES_KEPT:
            self._paid_until.popitem(last=False)


def _site(address: str) -> str:
    """Whom an address belongs to, for IPv6 hands out more of them than anybody could count."""
    if ":" not in address:
        return address
    try:
        return str(ipaddress.ip_network((address.partition("%")[0], SITE_BITS_V6), strict=False))
    except ValueError:
        return address
