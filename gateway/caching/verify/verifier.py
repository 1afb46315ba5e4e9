"""The decision: is the answer to the cached question the answer to the one that is asked?

Guards first, for nothing outweighs them; then the model's score against the threshold. Scores depend on the two texts alone, not on the
embedder that found the candidate.

`verify` blocks for a run of the network for each short question that it does not know yet (4 to 7 ms of CPU, with the GIL released) and
about 1 ms besides. It knows the one that is asked if its vector has just been made by the same network and is given; and both, if a tenant
is named, in whose name they were compared lately (`readings`). `averify` does the same off the event loop. The first call in a process
reads the weights (about half a second), unless `warm` did. Both raise `VerifierError` if the model cannot be run: then there is no hit.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from gateway.caching.verify import guards, readings, thresholds
from gateway.caching.verify.words import Reading, read
from gateway.embedders.niceness import step_back

if TYPE_CHECKING:
    from gateway.caching.verify.alignment import Aligned

LEAST_SIMILARITY = (
    0.7  # of a candidate that is verified; below it hardly any two questions are the same (docs/semantic-verifier.md)
)
MOST_WAITING = 200  # candidates; a miss is cheaper than waiting for more
_pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="verifier", initializer=step_back)
_readings = readings.Readings()
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
    tenant_id: UUID | None = None,
) -> Verdict:
    """Judge a candidate. `vector`: what the embedder made of the question that is asked. `tenant_id`: whose questions they are, so that
    they may be remembered. Blocks."""
    if similarity < least_similarity:
        return Verdict(False, None, ("below_least_similarity",))
    known, known_other = (_known(tenant_id, text) for text in (asked, cached))
    mine = known.reading if known is not None else read(asked)
    other = known_other.reading if known_other is not None else read(cached)
    if vetoes := guards.vetoes(mine, other):
        return Verdict(False, None, vetoes)
    if mine.is_same_as(other):
        value = thresholds.SAME_WORDS
    else:
        value = _score(known or mine, known_other or other, vector=vector, vetoes=(), tenant_id=tenant_id)
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
    tenant_id: UUID | None = None,
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
            verify,
            asked,
            cached,
            similarity,
            threshold=threshold,
            least_similarity=least_similarity,
            vector=vector,
            tenant_id=tenant_id,
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
    return _score(read(asked), read(cached), vector=vector, vetoes=None, tenant_id=None)


def _known(tenant_id: UUID | None, text: str) -> Aligned | None:
    return _readings.of(tenant_id, text) if tenant_id is not None else None


def _score(
    asked: Reading | Aligned,
    cached: Reading | Aligned,
    *,
    vector: Any,
    vetoes: tuple[str, ...] | None,
    tenant_id: UUID | None,
) -> float:
    from gateway.caching.verify import reading, shipped

    try:
        mine, other = reading.aligned(asked, vector), reading.aligned(cached)
        if tenant_id is not None:
            _readings.keep(tenant_id, mine)
            _readings.keep(tenant_id, other)
        found = reading.compared(mine, other, vetoes)
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
