"""Whether a failed call is made once more to the same model, and after how long. No I/O.

A provider that fails is not to be asked several times as often as one that works: retries come out of a budget that calls fill up, one for
every ten calls. The pauses grow and are drawn at random, so that those who failed together do not come back together
(https://aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter/).
"""

from __future__ import annotations

import random
from uuid import UUID

from gateway.errors import UpstreamError, UpstreamTimedOut

RETRIES_ALONE, RETRIES_BEFORE_FALLBACK = 2, 1
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.1, 2.0
LONGEST_RETRY_AFTER_SECONDS = 2.0  # longer than that nobody waits: the next model is asked, or the caller is told
EARNED_PER_CALL, MOST_SAVED = 0.1, 10.0


class RetryBudget:
    """The retries one process may make, by provider."""

    def __init__(self) -> None:
        self._saved: dict[UUID, float] = {}

    def earn(self, provider_id: UUID) -> None:
        """A request calls the provider for the first time."""
        self._saved[provider_id] = min(MOST_SAVED, self._saved.get(provider_id, MOST_SAVED) + EARNED_PER_CALL)

    def take(self, provider_id: UUID) -> bool:
        saved = self._saved.get(provider_id, MOST_SAVED)
        if saved < 1.0:
            return False
        self._saved[provider_id] = saved - 1.0
        return True


def pause_seconds(error: UpstreamError, retries_made: int, *, has_fallback: bool) -> float | None:
    """How long to wait before the same model is asked again; None: not again.

    A timeout is not repeated: the caller has waited long enough. Nor is what has cost something, nor what asks for patience where another
    model can answer.
    """
    if not error.may_retry or error.usage is not None or isinstance(error, UpstreamTimedOut):
        return None
    if retries_made >= (RETRIES_BEFORE_FALLBACK if has_fallback else RETRIES_ALONE):
        return None
    asked = error.retry_after_seconds
    if asked is not None:
        return None if has_fallback or asked > LONGEST_RETRY_AFTER_SECONDS else asked + random.uniform(0, 0.1)  # noqa: S311
    most = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2**retries_made)
    return random.uniform(most / 2, most)  # noqa: S311
