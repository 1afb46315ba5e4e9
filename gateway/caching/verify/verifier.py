"""The decision: is the answer to the cached question the answer to the one that is asked?

Guards first, for nothing outweighs them; then the model's score against the threshold. Scores depend on the two texts alone, not on the
embedder that found the candidate. Nothing of a text is kept.

`verify` blocks for two runs of the network for short questions (5 to 7 ms of CPU each, with the GIL released) and about 2 ms besides; for
one run where the vector of the question that is asked has just been made by the same network and is given. `averify` does the same off
the event loop. The first call in a process reads the weights (about half a second), unless `warm` did. Both raise `VerifierError` if the
model cannot be run: then there is no hit.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from gateway.caching.verify import guards, thresholds
from gateway.caching.verify.words import read
from gateway.embedders.niceness import step_back

LEAST_SIMILARITY = (
    0.7  # of a candidate that is verified; below it hardly any two questions are the same (docs/semantic-verifier.md)
)
MOST_WAITING = 200  # candidates; a miss is cheaper than waiting for more
_pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="verifier", initializer=step_back)
_thresholds: dict[float, float] = {}  # by target; policies have a handful
_waiting = 0  # callers of `averify`, which is to be used from one event loop only


class VerifierError(Exception):
    """The model cannot be run."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """`reasons` say why it is no hit: names of guards, `below_threshold`, `below_least_similarity`; none if it is one.

    `score` is the probability that both ask the same, None where the model was not asked. Texts of the same words score 1.
    """

    is_hit: bool
    score: float | None
    reasons: tuple[str, ...]


def verify(
    asked: str,
    cached: str,
    similarity: float,
    *,
    threshold: float,
    least_similarity: float = LEAST_SIMILARITY,
    vector: Any = None,
) -> Verdict:
    """Judge a candidate. `vector`: what the embedder made of the question that is asked. Blocks."""
    if similarity < least_similarity:
        return Verdict(False, None, ("below_least_similarity",))
    mine, other = read(asked), read(cached)
    if vetoes := guards.vetoes(mine, other):
        return Verdict(False, None, vetoes)
    value = thresholds.SAME_WORDS if mine.is_same_as(other) else score(asked, cached, vector=vector)
    is_hit = value >= threshold
    return Verdict(is_hit, value, () if is_hit else ("below_threshold",))


async def averify(
    asked: str,
    cached: str,
    similarity: float,
    *,
    threshold: float,
    least_similarity: float = LEAST_SIMILARITY,
    vector: Any = None,
) -> Verdict:
    """The same, off the event loop. Cancelled, it is not begun, or goes on for nothing."""
    if similarity < least_similarity:
        return Verdict(False, None, ("below_least_similarity",))
    global _waiting
    if _waiting >= MOST_WAITING:
        raise VerifierError(f"{MOST_WAITING} candidates wait to be verified already")
    _waiting += 1
    try:
        work = _pool.submit(
            verify, asked, cached, similarity, threshold=threshold, least_similarity=least_similarity, vector=vector
        )
        return await asyncio.wrap_future(work)
    finally:
        _waiting -= 1


async def athreshold(target: float) -> float:
    """`default_threshold` of the shipped model alone, off the event loop, remembered."""
    found = _thresholds.get(target)
    if found is None:
        found = await asyncio.wrap_future(_pool.submit(default_threshold, target=target))
        _thresholds[target] = found
    return found


def score(asked: str, cached: str, *, vector: Any = None) -> float:
    """The probability that both ask the same, whatever the guards say. The same whichever comes first. Blocks."""
    from gateway.caching.verify import reading, shipped

    try:
        mine = reading.of_vector(asked, vector)
        both = [mine, *reading.of_texts([cached])] if mine is not None else reading.of_texts([asked, cached])
        found = reading.compared(*both)
        return shipped.read().scorer.score(found.values, found.differences, found.substitutions)
    except Exception as error:
        raise VerifierError(f"the verifier's model failed: {error}") from error


def warm() -> None:
    """Read the model and the network's weights now rather than at the first candidate."""
    score("How do I begin?", "How can I start?")


def default_threshold(*, target: float = thresholds.TARGET, own: tuple[thresholds.Labelled, ...] = ()) -> float:
    """From which score on the shipped model's hits keep to a target, given also a tenant's own labelled candidates."""
    from gateway.caching.verify import shipped

    return thresholds.choose(shipped.read().scores, own, target=target).value
