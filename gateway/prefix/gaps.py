"""How long it takes until a prefix comes back: chances learnt from gaps between requests, finished ones and such as still last.

Time since the last request is cut into spans. For each span it is counted how many prefixes were still waited for when it began and how
many came back in it; the chance to come back within a lifetime is one less the product of not coming back in any of its spans (the
Kaplan-Meier estimate). So a prefix that is still waited for counts for the spans that it has outlasted, and a burst of prompts that never
come back is noticed within seconds, not after the whole lifetime.
"""

from __future__ import annotations

from collections.abc import Sequence

from gateway.prefix.rule import HORIZONS, Odds

SPANS = (15.0, 60.0, *HORIZONS)  # where each ends, in seconds
MOST = 64.0  # counts of a span; what is older counts half, and half again

Hazards = tuple[float, ...]  # the chance to come back in each span, for what has not come back before it


class Gaps:
    """Counts by span."""

    __slots__ = ("came", "waited")

    def __init__(self) -> None:
        self.waited = [0.0] * len(SPANS)
        self.came = [0.0] * len(SPANS)

    def note(self, gap: float, since: int = 0) -> None:
        """A prefix came back after so many seconds. `since`: the spans before have been noted already."""
        for index in range(since, len(SPANS)):
            comes = gap <= SPANS[index]
            self._add(index, comes)
            if comes:
                return

    def outlast(self, index: int) -> None:
        """A prefix did not come back in that span."""
        self._add(index, False)

    def _add(self, index: int, comes: bool) -> None:
        if self.waited[index] >= MOST:
            self.waited[index] /= 2
            self.came[index] /= 2
        self.waited[index] += 1
        self.came[index] += comes

    def hazards(self, prior: Hazards, weight: float, gap: float | None = None) -> Hazards:
        """What was seen (`gap`: with one more), and `prior` as if it had been seen `weight` times."""
        found = []
        begins = -1.0
        for index, ends in enumerate(SPANS):
            waited, came = self.waited[index], self.came[index]
            if gap is not None and gap > begins:
                waited += 1
                came += gap <= ends
            found.append((came + weight * prior[index]) / (waited + weight))
            begins = ends
        return tuple(found)

    @property
    def decided(self) -> float:
        """Of how many it is known whether they came back within five minutes."""
        return self.came[0] + self.came[1] + self.waited[2]

    def copied(self) -> Gaps:
        fresh = Gaps()
        fresh.waited, fresh.came = self.waited[:], self.came[:]
        return fresh


def odds(hazards: Hazards) -> Odds:
    """The chance of each lifetime."""
    stays_away = 1.0
    found = []
    for hazard, ends in zip(hazards, SPANS, strict=True):
        stays_away *= 1.0 - hazard
        if ends in HORIZONS:
            found.append(1.0 - stays_away)
    return Odds(*found)


class Trial:
    """A prefix that is waited for. Each span is noted when it has passed, or when the prefix comes back."""

    __slots__ = ("at", "is_open", "span", "told")

    def __init__(self, told: Sequence[Gaps], at: float) -> None:
        self.told = told
        self.at = at
        self.span = 0
        self.is_open = True

    def come_back(self, now: float) -> None:
        """Idempotent: a prefix comes back once; who continues it again is somebody else's."""
        if self.is_open:
            self.is_open = False
            for gaps in self.told:
                gaps.note(now - self.at, self.span)

    def outlast(self) -> None:
        for gaps in self.told:
            gaps.outlast(self.span)
        self.span += 1
