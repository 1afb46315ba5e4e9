"""The decision on a labelled stream: questions come in one after the other, and what is no hit is answered and kept.

A hit is false if the question at hand and the cached one have other intents. It decides as the cache does, over an exact search in
memory: so many operating points are told at once. `on_gateway` is the real one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from benchmarks.cache import points
from benchmarks.cache.pairs import Asked, mark
from benchmarks.cache.points import Point
from gateway.caching.verify import shipped, thresholds, verifier
from gateway.caching.verify.verifier import Verdict
from gateway.embedders import minilm

SIMILARITIES = (0.75, 0.8, 0.85, 0.9, 0.93, 0.95, 0.97)
SCORES = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95)
TARGETS = (0.02, 0.05, 0.1)


class Store:
    """Questions that were answered, by their place in the stream: exact search over vectors that are made beforehand."""

    def __init__(self, vectors: Any) -> None:
        import numpy as np

        self._vectors = vectors
        self._kept = np.empty_like(vectors)
        self._places: list[int] = []

    def nearest(self, place: int) -> tuple[int, float] | None:
        """The kept question that is nearest to this one, and their similarity. None if none is kept."""
        if not self._places:
            return None
        similarities = self._kept[: len(self._places)] @ self._vectors[place]
        best = int(similarities.argmax())
        return self._places[best], float(similarities[best])

    def keep(self, place: int) -> None:
        self._kept[len(self._places)] = self._vectors[place]
        self._places.append(place)


def evaluate(stream: Sequence[Asked]) -> None:
    import numpy as np

    vectors = np.stack(minilm.embed([one.text for one in stream]))
    model = shipped.read()
    known = sum(mark(one.text) in model.questions for one in stream)
    judged: dict[tuple[int, int], Verdict] = {}
    vetoes: Counter[str] = Counter()

    def judge(place: int, other: int, similarity: float) -> Verdict:
        if (verdict := judged.get((place, other))) is None:
            verdict = verifier.verify(stream[place].text, stream[other].text, similarity, threshold=0.0)
            judged[place, other] = verdict
            vetoes.update(verdict.reasons)
        return verdict

    def by_similarity(least: float) -> Callable[[int, int, float], bool]:
        return lambda place, other, similarity: similarity >= least

    def guarded(least: float) -> Callable[[int, int, float], bool]:
        return lambda place, other, similarity: similarity >= least and judge(place, other, similarity).is_hit

    def verified(least: float) -> Callable[[int, int, float], bool]:
        def decide(place: int, other: int, similarity: float) -> bool:
            verdict = judge(place, other, similarity)
            return verdict.is_hit and verdict.score is not None and verdict.score >= least

        return decide

    print("\nBy similarity alone, and with guards: hit rate, false hits per hit [Wilson, 95 %]\n")
    for least in SIMILARITIES:
        plain, with_guards = (
            replay(stream, Store(vectors), decide) for decide in (by_similarity(least), guarded(least))
        )
        print(f"{least:>10.2f}{_told(plain)}{_told(with_guards)}")
    print(f"\nVerified ({model.version}), from a similarity of {verifier.LEAST_SIMILARITY} on: score from\n")
    for score in SCORES:
        print(f"{score:>10.2f}{_told(replay(stream, Store(vectors), verified(score)))}")
    print("\nThe threshold for each target\n")
    for target in TARGETS:
        chosen = thresholds.choose(model.scores, target=target)
        print(f"{target:>6.0%} {chosen.value:.3f}{_told(replay(stream, Store(vectors), verified(chosen.value)))}")
    listed = ", ".join(f"{name} {count}" for name, count in vetoes.most_common())
    print(f"\nOf {len(judged)} candidates looked at, not verified: {listed or 'none'}.")
    print(f"The verifier was trained on {known} of these questions.")


def replay(stream: Sequence[Asked], store: Store, is_hit: Callable[[int, int, float], bool]) -> Point:
    """What the stream meets. A hit is given again and not kept anew; what is no hit is answered and kept."""
    hits = wrong = 0
    for place, asked in enumerate(stream):
        found = store.nearest(place)
        if found is not None and is_hit(place, *found):
            hits += 1
            wrong += stream[found[0]].intent != asked.intent
        else:
            store.keep(place)
    return Point(hits, wrong, len(stream))


def _told(point: Point) -> str:
    return f"{point.hit_rate:>10.1%}  {points.told([point]):<22s}"
