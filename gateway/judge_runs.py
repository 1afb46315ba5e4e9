"""Has answers judged by models, through the pipeline and at the tenant's cost, within what its judges may spend.

Each question goes under the key that the judged request came with, for no end user, under the feature `judge` and the tag that the
judges' budget counts. A spent budget refuses it like any other request, before it costs anything.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
from collections.abc import Sequence

from prometheus_client import Counter

from gateway import own_requests, runtime
from gateway.errors import GatewayError
from gateway.judging import cases
from gateway.judging.cases import Case, Result, Status
from gateway.own_requests import Purse
from gateway.quality import judge
from gateway.runtime import Runtime
from gateway.types import Endpoint

logger = logging.getLogger(__name__)

SECONDS = 60.0  # for one answer
HEADERS = {"cache-control": "no-cache, no-store", "x-tollgate-feature": judge.FEATURE, "x-tollgate-tags": judge.TAG}
JUDGED = Counter("tollgate_judged_total", "Answers that were to be judged, by what came of it.", ["result"])


def run(now: dt.datetime) -> int:
    """Judge what waits, a few answers of each tenant; returns how many were scored. Safe to run twice, and at once."""
    cases.expire(now)
    found = cases.due(now)
    done = asyncio.run(_all(found)) if found else []
    scored = 0
    for case, result in done:
        is_first = cases.finish(case.row, result, now, case)
        scored += is_first and result.verdict is not None
        JUDGED.labels("scored" if result.verdict else "retried" if result.may_retry else result.status.value).inc()
    return scored


async def _all(found: Sequence[Sequence[Case]]) -> list[tuple[Case, Result]]:
    """Tenants at the same time, each one's answers one after the other."""
    try:
        done = await asyncio.gather(*(_of_tenant(own, runtime.current()) for own in found))
    finally:
        await runtime.close()
    return [pair for own in done for pair in own]


async def _of_tenant(found: Sequence[Case], running: Runtime) -> list[tuple[Case, Result]]:
    return [(case, await judged(case, running)) for case in found]


async def judged(case: Case, running: Runtime) -> Result:
    """Ask the judge. Never raises; what it cost is in the result, whatever it is."""
    purse = Purse()
    question = judge.request(case.policy.judge, case.policy.rubric, conversation=case.conversation, answer=case.answer)
    try:
        async with asyncio.timeout(SECONDS):
            told = await own_requests.ask(
                case.row.tenant_id, case.key, Endpoint.CHAT, question.body, HEADERS, running=running, purse=purse
            )
    except TimeoutError:
        return Result(why="it took too long", may_retry=True, cost_nanousd=purse.cost_nanousd)
    except GatewayError as error:
        return Result(why=error.code, may_retry=error.may_retry, cost_nanousd=purse.cost_nanousd)
    except Exception:
        logger.exception("%s could not be judged", case.row)
        return Result(why="failed", cost_nanousd=purse.cost_nanousd)
    verdict = judge.read(told.text, question.check)
    why = "" if verdict is not None else "the judge gave no valid verdict"
    return Result(verdict, why, Status.INVALID, judge=told.model, cost_nanousd=purse.cost_nanousd)
