"""What share of the upper bound (`gateway.tokens`) a model's provider really counts, learnt from what it reports.

A sample of the requests that are text alone is compared: at most one a second and model and process. The sums are shared through Redis,
so that a new process knows what the others have learnt after its first sample.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import Any

from gateway import tokens
from gateway.errors import StoreUnavailable
from gateway.stores.redis import RedisStore, Script
from gateway.types import Model, Request
from tenants import redis_keys

SAMPLE_SECONDS = 1.0
LEAST_TOKENS = 20_000  # by the bound: fewer say too little
_CALIBRATE = Script("calibrate")


class Calibration:
    """To be used from one event loop only."""

    def __init__(self, redis: RedisStore) -> None:
        self._redis = redis
        self._ratios: dict[str, float] = {}
        self._due: dict[str, float] = {}
        self._telling: set[asyncio.Task[None]] = set()

    def note(self, model: Model, request: Request, reported_tokens: int) -> None:
        """The provider has counted the request's input."""
        key = redis_keys.calibration(model.provider.id, model.upstream_id)
        now = time.monotonic()
        if not reported_tokens or now < self._due.get(key, 0.0):
            return
        body: Any = request.body
        if not hasattr(body, "messages") or body.tools or not tokens.is_text_only(body):
            return
        self._due[key] = now + SAMPLE_SECONDS
        bound = tokens.upper_bound(request.body, request.content, kind=model.provider.kind)
        task = asyncio.ensure_future(self._tell(key, bound, reported_tokens))
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)

    def likely(self, model: Model, bound: int) -> int | None:
        """Tokens that an input with that upper bound probably has; None until enough is known of the model."""
        ratio = self._ratios.get(redis_keys.calibration(model.provider.id, model.upstream_id))
        return None if ratio is None else round(bound * ratio)

    async def _tell(self, key: str, bound: int, reported: int) -> None:
        with contextlib.suppress(StoreUnavailable):
            found = await self._redis.run(_CALIBRATE, [key], [bound, reported])
            if int(found[0]) >= LEAST_TOKENS:
                self._ratios[key] = min(1.0, int(found[1]) / int(found[0]))

    async def close(self) -> None:
        for task in list(self._telling):
            task.cancel()
