"""What a process has told Redis in the last seconds, in case Redis forgets it before it is drained."""

from __future__ import annotations

from collections import defaultdict, deque

import msgspec

from gateway.stores import counters
from gateway.stores.counters import Demand, Settlement

SECONDS = 15.0  # a drain is a second behind, at most a few
MOST_CONTENT_BYTES = 64 * 1024 * 1024  # beyond it what is recent is kept without the prompts and answers


class _Told(msgspec.Struct, frozen=True, gc=False):
    """A settlement, and when it was made. `demand`: what the settlement's was made of, which is kept instead: there are thousands of
    them, and the lines are shared by all requests that they apply to."""

    at: float
    settlement: Settlement
    demand: Demand | None

    def whole(self) -> Settlement:
        if self.demand is None:
            return self.settlement
        return msgspec.structs.replace(self.settlement, demand=counters.encode(self.demand))


class Recent:
    """By tenant, oldest first. Times are the monotonic clock's."""

    def __init__(self) -> None:
        self._by_tenant: defaultdict[str, deque[_Told]] = defaultdict(deque)
        self._content_bytes = 0

    def note(self, settlement: Settlement, demand: Demand | None, now: float) -> None:
        """An answer that Redis forgets is made anew. `demand`: as `Accounts.settle` is given it."""
        if not settlement.demand:
            demand = None
        kept = settlement.without_cache(is_demand_kept=demand is None)
        if kept.content:
            if self._content_bytes + len(kept.content) > MOST_CONTENT_BYTES:
                kept = msgspec.structs.replace(kept, content=b"")
            self._content_bytes += len(kept.content)
        self._by_tenant[settlement.tenant_id].append(_Told(now, kept, demand))

    def forget_old(self, now: float) -> None:
        for owner, told in list(self._by_tenant.items()):
            while told and now - told[0].at > SECONDS:
                self._content_bytes -= len(told.popleft().settlement.content)
            if not told:
                del self._by_tenant[owner]

    def tenants(self) -> list[str]:
        return list(self._by_tenant)

    def of(self, tenant_id: str) -> list[Settlement]:
        """As they were told, but for cached answers."""
        return [told.whole() for told in self._by_tenant.get(tenant_id, ())]
