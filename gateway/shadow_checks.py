"""Asks the questions of some hits again and compares the answers: how often the semantic cache is wrong is measured, not believed.

The question goes the whole way under the same key as any other request, but past the caches: limited, charged to the tenant and
recorded, under the feature `shadow-check`, and for no end user, whose limits are not there for this. So does the comparison, where it
takes a model. Nobody waits for either.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
from collections.abc import Sequence
from typing import Any

import msgspec

from gateway import own_requests, runtime
from gateway.caching import judging
from gateway.errors import GatewayError
from gateway.own_requests import Purse
from gateway.runtime import Runtime
from gateway.semantic import checks, watch
from gateway.semantic.checks import Case, Result, Status
from gateway.types import Endpoint

logger = logging.getLogger(__name__)

SECONDS = 60.0  # for one check
AFRESH = {"cache-control": "no-cache, no-store", "x-tollgate-feature": judging.FEATURE}
_decode = msgspec.json.Decoder(dict[str, Any]).decode
_RESULTS = {judging.RIGHT: Status.RIGHT, judging.WRONG: Status.WRONG, judging.UNCLEAR: Status.UNCLEAR}


def run(now: dt.datetime) -> int:
    """Check what waits to be checked, a few hits of each tenant; returns how many. Safe to run twice, and at once."""
    checks.expire(now)
    cases = checks.due(now)
    done = asyncio.run(_all(cases)) if cases else []
    for case, result in done:
        checks.finish(case.check, result, now)
    watch.tell(now)
    return len(done)


async def _all(cases: Sequence[Sequence[Case]]) -> list[tuple[Case, Result]]:
    """Tenants at the same time, each one's cases one after the other, so that its budget is known in between."""
    try:
        done = await asyncio.gather(*(_of_tenant(own, runtime.current()) for own in cases))
    finally:
        await runtime.close()
    return [pair for own in done for pair in own]


async def _of_tenant(cases: Sequence[Case], running: Runtime) -> list[tuple[Case, Result]]:
    done: list[tuple[Case, Result]] = []
    spent: dict[str, int] = {}
    for case in cases:
        task = case.check.task
        if spent.get(task, 0) >= case.left_nanousd:
            result = Result(Status.DROPPED, "the day's budget for checks is used up")
        else:
            result = await check(case, running)
        spent[task] = spent.get(task, 0) + result.cost_nanousd
        done.append((case, result))
    return done


async def check(case: Case, running: Runtime) -> Result:
    """Ask again and compare. Never raises; what it cost is in the result, whatever it is."""
    asking = _Asking(case, running)
    try:
        async with asyncio.timeout(SECONDS):
            verdict = await asking.verdict()
    except TimeoutError:
        return Result(Status.WAITING, "it took too long", asking.cost_nanousd)
    except GatewayError as error:
        status = Status.WAITING if error.may_retry else Status.DROPPED
        return Result(status, error.code, asking.cost_nanousd)
    except Exception:
        logger.exception("req_%s could not be checked", case.check.request_id.hex)
        return Result(Status.DROPPED, "failed", asking.cost_nanousd)
    if verdict is None:
        return Result(Status.UNCLEAR, "the fresh answer has no text of its own", asking.cost_nanousd)
    return Result(_RESULTS[verdict.result], verdict.how, asking.cost_nanousd)


class _Asking:
    """One check, and what it has cost so far."""

    def __init__(self, case: Case, running: Runtime) -> None:
        self._case = case
        self._running = running
        self._purse = Purse()

    @property
    def cost_nanousd(self) -> int:
        return self._purse.cost_nanousd

    async def verdict(self) -> judging.Verdict | None:
        """None where there is no fresh answer to compare with. Raises `GatewayError`."""
        asked = self._case.asked
        endpoint = Endpoint(asked.endpoint)
        body = afresh(asked.content)
        fresh = await self._answer(endpoint, body, {**asked.headers, **AFRESH})
        if not fresh:
            return None
        verdict = judging.first_look(self._case.answer, fresh)
        if verdict is not None:
            return verdict
        judge = self._case.terms.judge or str(_decode(body).get("model", ""))
        question = judging.request(judge, question=asked.question, cached=self._case.answer, fresh=fresh)
        return judging.read(await self._answer(Endpoint.CHAT, question, AFRESH))

    async def _answer(self, endpoint: Endpoint, body: bytes, headers: dict[str, str]) -> str:
        told = await own_requests.ask(
            self._case.check.tenant_id,
            self._case.asked.key,
            endpoint,
            body,
            headers,
            running=self._running,
            purse=self._purse,
        )
        return told.text


def afresh(content: bytes) -> bytes:
    """The request's body as it is asked again: whole instead of as a stream, and for no end user."""
    body = {name: value for name, value in _decode(content).items() if name not in _LEFT_OUT}
    metadata = body.get("metadata")
    if isinstance(metadata, dict):
        body["metadata"] = {name: value for name, value in metadata.items() if name not in _LEFT_OUT}
        if not body["metadata"]:
            del body["metadata"]
    return msgspec.json.encode(body)


_LEFT_OUT = frozenset({"stream", "stream_options", "user", "safety_identifier", "user_id", "feature"})
