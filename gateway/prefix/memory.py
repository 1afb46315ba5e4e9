"""How prefixes have come back, learnt from the requests of this process. Bounded; forgets the least recently used first. No I/O.

For each tenant apart it keeps: when each prefix was seen last, how long the gaps between its requests were, whether a provider holds it;
and how often conversations go on, by their head (an application, mostly) and in all. A prefix that nothing is known of is judged by how
new ones of this tenant have fared. Other processes are not asked: with n of them each sees every nth request, so marks come later. That a
conversation has been elsewhere shows when the provider has kept it.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Sequence
from uuid import UUID

from gateway.prefix import gaps
from gateway.prefix.caches import SECONDS
from gateway.prefix.gaps import SPANS, Gaps, Hazards, Trial
from gateway.prefix.rule import Odds

MOST_PREFIXES = 4000  # of a tenant
MOST_GROUPS = 500  # heads of a tenant whose conversations are followed
MOST_PREFIXES_IN_ALL = 50_000  # some 30 MB
MOST_TENANTS = 2000
MOST_TRIALS = 50_000

# Before anything is known: the chances by span, and how many gaps they stand for. A new prefix comes back within five minutes one time in
# ten, so it is not marked; two that did are needed before the third is. One that came back once within five minutes is marked; the hour,
# which is dearer, takes two gaps. A conversation that opens is a new prefix; one that has gone on before goes on four times in ten.
NEW: Hazards = (0.035, 0.035, 0.035, 0.03, 0.02)
KNOWN: Hazards = (0.05, 0.05, 0.05, 0.04, 0.02)
GOES_ON: Hazards = (0.12, 0.15, 0.2, 0.12, 0.05)
NEW_WEIGHT, KNOWN_WEIGHT, GOES_ON_WEIGHT = 8.0, 1.5, 4.0
ELSEWHERE_SECONDS = 120.0  # within the shortest lifetime, as it was kept
GROUP_WEIGHT, OWN_WEIGHT = 6.0, 2.0  # of what the tenant's and the group's other conversations say


class Prefix:
    """One prefix with one model: when it was seen last, its gaps (of a conversation: those between its turns), and what a provider
    holds."""

    __slots__ = ("at", "gaps", "kept_for", "kept_until", "trial")

    def __init__(self, at: float, seen: Gaps, trial: Trial) -> None:
        self.at = at
        self.gaps = seen
        self.trial = trial
        self.kept_for = ""
        self.kept_until = 0.0

    def kept(self, now: float) -> str:
        """The lifetime for which a provider holds it now; empty if it does not."""
        return self.kept_for if now < self.kept_until else ""

    def keep(self, lifetime: str, now: float) -> None:
        """A mark stands there. Without one, what the provider holds is neither read nor prolonged."""
        if lifetime:
            self.kept_for = lifetime
            self.kept_until = now + SECONDS[lifetime]

    def lose(self) -> None:
        self.kept_until = 0.0


class Tenant:
    """What is known of one tenant's prompts."""

    __slots__ = ("groups", "keys", "new", "prefixes", "turns")

    def __init__(self) -> None:
        self.prefixes: OrderedDict[int, Prefix] = OrderedDict()
        self.groups: OrderedDict[int, tuple[Gaps, Gaps]] = OrderedDict()
        self.new = Gaps()  # prefixes that were seen for the first time
        self.turns = (Gaps(), Gaps())  # of conversations: the opening one, and any later one
        self.keys: OrderedDict[int, str] = OrderedDict()

    def odds_of(self, found: Prefix | None, now: float) -> Odds:
        """That a prefix comes back, which is here at present."""
        if found is None:
            return gaps.odds(self.new.hazards(NEW, NEW_WEIGHT))
        return gaps.odds(found.gaps.hazards(KNOWN, KNOWN_WEIGHT, now - found.at))

    def odds_of_going_on(self, head: int, found: Prefix | None, is_opening: bool, now: float) -> Odds:
        """That a conversation has another turn. `found`: what it was a turn ago."""
        turn = 0 if is_opening else 1
        prior = (NEW, NEW_WEIGHT) if is_opening else (GOES_ON, GOES_ON_WEIGHT)
        hazards = self.turns[turn].hazards(*prior)
        group = self.groups.get(head)
        if group is not None:
            hazards = group[turn].hazards(hazards, GROUP_WEIGHT)
        if found is not None:
            hazards = found.gaps.hazards(hazards, OWN_WEIGHT, now - found.at)
        return gaps.odds(hazards)

    def ends_seen(self, head: int, is_opening: bool) -> float:
        """Of how many such conversations it is known whether they went on."""
        group = self.groups.get(head)
        return 0.0 if group is None else group[0 if is_opening else 1].decided

    def group(self, head: int) -> tuple[Gaps, Gaps]:
        group = self.groups.get(head)
        if group is None:
            group = self.groups[head] = (Gaps(), Gaps())
            if len(self.groups) > MOST_GROUPS:
                self.groups.popitem(last=False)
        else:
            self.groups.move_to_end(head)
        return group


class PrefixMemory:
    """To be used from one event loop. `now` is in seconds, of one clock that never goes back."""

    def __init__(self) -> None:
        self._tenants: OrderedDict[UUID, Tenant] = OrderedDict()
        self._size = 0
        self._waiting: tuple[deque[Trial], ...] = tuple([deque() for _ in SPANS])

    def __len__(self) -> int:
        return self._size

    def tenant(self, tenant_id: UUID) -> Tenant:
        found = self._tenants.get(tenant_id)
        if found is None:
            found = self._tenants[tenant_id] = Tenant()
            if len(self._tenants) > MOST_TENANTS:
                self._size -= len(self._tenants.popitem(last=False)[1].prefixes)
        else:
            self._tenants.move_to_end(tenant_id)
        return found

    def pass_time(self, now: float) -> None:
        """Note the spans that have passed."""
        for span, waiting in enumerate(self._waiting):
            while waiting and waiting[0].at + SPANS[span] < now:
                trial = waiting.popleft()
                if trial.is_open:
                    trial.outlast()
                    if trial.span < len(SPANS):
                        self._waiting[trial.span].append(trial)

    def arrive(self, tenant: Tenant, key: int, now: float) -> Prefix:
        """A prefix of its own (tools, head) is here again, or for the first time."""
        found = tenant.prefixes.get(key)
        if found is None:
            return self._put(tenant, key, Prefix(now, Gaps(), self._wait((tenant.new,), now)))
        found.trial.come_back(now)
        found.gaps.note(now - found.at)
        found.at = now
        tenant.prefixes.move_to_end(key)
        return found

    def go_on(
        self, tenant: Tenant, key: int, head: int, found: Prefix | None, *, is_opening: bool, now: float
    ) -> Prefix:
        """A conversation is at a turn. `found`: what it was a turn ago."""
        if key in tenant.prefixes:  # the very same prompt once more
            return self.arrive(tenant, key, now)
        seen = Gaps()
        if found is not None:
            found.trial.come_back(now)
            seen = found.gaps.copied()
            seen.note(now - found.at)
        turn = 0 if is_opening else 1
        trial = self._wait((tenant.turns[turn], tenant.group(head)[turn]), now)
        return self._put(tenant, key, Prefix(now, seen, trial))

    def went_on_elsewhere(self, tenant: Tenant, head: int, *, is_opening: bool) -> None:
        """A conversation that was at another process before has come here; when that was, nobody here knows."""
        turn = 0 if is_opening else 1
        for seen in (tenant.turns[turn], tenant.group(head)[turn]):
            seen.note(ELSEWHERE_SECONDS)

    def _wait(self, told: Sequence[Gaps], now: float) -> Trial:
        trial = Trial(told, now)
        self._waiting[0].append(trial)
        if len(self._waiting[0]) > MOST_TRIALS:
            self._waiting[0].popleft()
        return trial

    def _put(self, tenant: Tenant, key: int, prefix: Prefix) -> Prefix:
        tenant.prefixes[key] = prefix
        self._size += 1
        if len(tenant.prefixes) > MOST_PREFIXES:
            tenant.prefixes.popitem(last=False)
            self._size -= 1
        while self._size > MOST_PREFIXES_IN_ALL:
            self._forget_one()
        return prefix

    def _forget_one(self) -> None:
        """The oldest prefix of the tenant that has been away for longest."""
        tenant_id, tenant = next(iter(self._tenants.items()))
        if tenant.prefixes:
            tenant.prefixes.popitem(last=False)
            self._size -= 1
        else:
            del self._tenants[tenant_id]
