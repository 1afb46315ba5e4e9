"""Operating points: how many of the questions that could be hits are, and which share of the hits is false."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

Z95 = 1.959963984540054


@dataclass(frozen=True)
class Point:
    """`could` is how many pairs (or requests) recall is a share of."""

    hits: int
    wrong: int
    could: int

    @property
    def recall(self) -> float:
        """Share that became right hits."""
        return (self.hits - self.wrong) / self.could if self.could else 0.0

    @property
    def hit_rate(self) -> float:
        return self.hits / self.could if self.could else 0.0

    @property
    def false_share(self) -> float:
        return self.wrong / self.hits if self.hits else 0.0


def wilson(wrong: float, hits: float, z: float = Z95) -> tuple[float, float]:
    """Wilson's score interval of a share (J. Am. Stat. Assoc. 22, 1927)."""
    if not hits:
        return 0.0, 1.0
    share, weight = wrong / hits, z * z / hits
    middle = (share + weight / 2) / (1 + weight)
    half = z / (1 + weight) * math.sqrt(share * (1 - share) / hits + weight / (4 * hits))
    return max(0.0, middle - half), min(1.0, middle + half)


def at(scores: Sequence[float], same: Sequence[bool], *, threshold: float) -> Point:
    taken = [is_same for score, is_same in zip(scores, same, strict=True) if score >= threshold]
    return Point(len(taken), taken.count(False), sum(same))


def at_recall(scores: Sequence[float | None], same: Sequence[bool], recall: float) -> Point | None:
    """The highest threshold with so much recall; equal scores are taken together. None if not to be had. A score of None is no hit."""
    needed = math.ceil(recall * sum(same) - 1e-9)
    ranked = sorted(
        ((score, is_same) for score, is_same in zip(scores, same, strict=True) if score is not None), reverse=True
    )
    hits = right = 0
    for place, (score, is_same) in enumerate(ranked):
        hits, right = hits + 1, right + is_same
        is_last_of_score = place + 1 == len(ranked) or ranked[place + 1][0] < score
        if right >= needed and is_last_of_score:
            return Point(hits, hits - right, sum(same))
    return None


def told(found: Sequence[Point | None]) -> str:
    """Mean share of false hits over seeds, its spread, and Wilson's interval of the mean counts."""
    points = [point for point in found if point is not None]
    if len(points) < len(found) or not points:
        return "—"
    hits, wrong = statistics.mean(p.hits for p in points), statistics.mean(p.wrong for p in points)
    low, high = wilson(wrong, hits)
    spread = f" ± {statistics.stdev(p.false_share for p in points) * 100:.1f}" if len(points) > 1 else ""
    return f"{statistics.mean(p.false_share for p in points) * 100:.1f}{spread} % [{low * 100:.1f}–{high * 100:.1f}]"
