"""Whether what is promised is kept, by those that promise it: what a request costs until its log is written, and how many requests are
served on a budget for fifty."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal

import psycopg

from benchmarks.load import Load, run
from benchmarks.peers.litellm import USD_PER_TOKEN, LiteLLM
from benchmarks.peers.target import Target
from benchmarks.stack import ROOT, Stack
from benchmarks.trees import Tree, TreeMeter

CLIENTS = 32
LOG_SECONDS = 180
POLL_SECONDS = 2.0
IDLE_SECONDS = 10.0
FIFTY = 50
TRIES = 30  # of each client; with what is refused, several times the fifty
JSON = {"content-type": "application/json"}


@dataclass(frozen=True)
class Logged:
    """CPU microseconds per request from the first to the log's last row, less what it takes at rest for as long as was waited."""

    name: str
    requests: int
    rows: int
    own_us: float
    engine_us: float
    rest_us: float
    wait_seconds: float


@dataclass(frozen=True)
class Spent:
    """`served` of `asked` on a budget for fifty; `usd`: what the target's own log says that they cost, of a budget of `budget_usd`."""

    name: str
    asked: int
    served: int
    usd: float
    budget_usd: float


async def logged(target: Target, rows: Callable[[], int], *, count: int, body: bytes) -> Logged:
    """Raises RuntimeError when the log does not get as many rows as there were requests."""
    meters = [Tree(target.own), Tree(target.engine), Tree(target.rest)]
    before = rows()
    load = Load(target.url, target.path, body, {**JSON, **target.headers}, CLIENTS, CLIENTS * 2, changing=True)
    meter = TreeMeter(meters[0], meters[2])
    warm = await run(load, meter)
    started = [tree.cpu_seconds() for tree in meters]
    result = await run(replace(load, count=count), meter)
    answered = time.monotonic()
    wanted = before + len(warm.latencies) + len(result.latencies)
    while (found := rows()) < wanted:
        if time.monotonic() - answered > LOG_SECONDS:
            raise RuntimeError(f"{target.name} has logged {found - before} of {wanted - before} requests")
        await asyncio.sleep(POLL_SECONDS)
    waited = time.monotonic() - answered
    spent = [tree.cpu_seconds() - start for tree, start in zip(meters, started, strict=True)]
    resting = [tree.cpu_seconds() for tree in meters]
    await asyncio.sleep(IDLE_SECONDS)
    idle = [(tree.cpu_seconds() - start) / IDLE_SECONDS for tree, start in zip(meters, resting, strict=True)]
    each = [(cpu - rate * waited) / len(result.latencies) * 1e6 for cpu, rate in zip(spent, idle, strict=True)]
    return Logged(target.name, len(result.latencies), found - before - len(warm.latencies), *each, waited)


async def spent_by_tollgate(stack: Stack, target: Target) -> Spent:
    usd, body = _price(target)
    bearer = {"authorization": f"Bearer {_tollgates_key(stack, usd)}"}
    deadline = time.monotonic() + 30
    while _ask(target, bearer)[0] == 401:  # until the gateway knows the key
        if time.monotonic() > deadline:
            raise RuntimeError("Tollgate does not get to know the key")
        await asyncio.sleep(0.1)
    return await _spent(target, bearer, body, usd, lambda: costs_of_tollgate(stack))


def _tollgates_key(stack: Stack, usd: Decimal) -> str:
    command = [sys.executable, "-m", "benchmarks.peers.seed_budget", str(usd)]
    env = {**os.environ, **stack.environment}
    made = subprocess.run(command, cwd=ROOT, env=env, check=True, stdout=subprocess.PIPE, text=True)
    return made.stdout.split()[-1]


async def spent_by_litellm(litellm: LiteLLM) -> Spent:
    usd, body = _price(litellm.target)
    key = litellm.key(max_budget=float(usd))
    bearer = {"authorization": f"Bearer {key}"}
    return await _spent(litellm.target, bearer, body, usd, lambda: litellm.costs(key))


async def _spent(
    target: Target, bearer: dict[str, str], body: bytes, budget: Decimal, costs: Callable[[], list[float]]
) -> Spent:
    """`costs`: in USD, of the answered requests that the target has logged. Raises RuntimeError where it logs fewer than it has served."""
    meter = TreeMeter(Tree(target.own), Tree(target.rest))
    count = CLIENTS * TRIES
    load = Load(target.url, target.path, body, {**JSON, **bearer}, CLIENTS, count, may_fail=True, changing=True)
    result = await run(load, meter)
    status, told = _ask(target, bearer, body)
    if status == 200 or "budget" not in told.lower():
        raise RuntimeError(f"{target.name} has not refused for its budget, but answered {status}: {told[:300]}")
    served = len(result.latencies) - result.failed
    deadline = time.monotonic() + LOG_SECONDS
    while len(found := costs()) < served:
        if time.monotonic() > deadline:
            raise RuntimeError(f"{target.name} has logged {len(found)} of the {served} requests that it has served")
        await asyncio.sleep(POLL_SECONDS)
    return Spent(target.name, len(result.latencies), served, sum(found), float(budget))


def _price(target: Target) -> tuple[Decimal, bytes]:
    """A budget for fifty and a half of a request, and the request, which may take no more than it does: so there is room for the fiftieth
    where what a request may cost is held until it is known, and none for one more."""
    body = {"model": target.model("50 chunks"), "messages": [{"role": "user", "content": "word word word word"}]}
    numbered = json.dumps(body).replace("word wor", f"{0xABC:08x}", 1)  # as the load's requests are
    status, told = _ask(target, target.headers, numbered.encode())
    if status != 200:
        raise RuntimeError(f"{target.name} answered {status}: {told[:300]}")
    usage = json.loads(told)["usage"]
    tokens = {"input_cost_per_token": usage["prompt_tokens"], "output_cost_per_token": usage["completion_tokens"]}
    usd = sum(USD_PER_TOKEN[name] * count for name, count in tokens.items())
    rounded = Decimal(usd * (FIFTY + 0.5)).quantize(Decimal("0.000001"))
    return rounded, json.dumps({**body, "max_tokens": usage["completion_tokens"]}).encode()


def _ask(target: Target, headers: dict[str, str], body: bytes | None = None) -> tuple[int, str]:
    """Without a body: for the list of models, which costs nothing."""
    path = target.path if body is not None else "/v1/models"
    request = urllib.request.Request(f"{target.url}{path}", body, {**JSON, **headers})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return int(answer.status), answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def costs_of_tollgate(stack: Stack) -> list[float]:
    """Of the answered requests of the tenant with the budget."""
    with psycopg.connect(stack.environment["DATABASE_URL"]) as connection:
        found = connection.execute(
            "SELECT log.cost_usd FROM gateway_requestlog log JOIN tenants_tenant tenant ON tenant.id = log.tenant_id"
            " WHERE tenant.slug = 'fifty' AND log.status = 200 AND log.cost_usd > 0"
        )
        return [float(row[0]) for row in found]


def rows_of_tollgate(stack: Stack) -> int:
    with psycopg.connect(stack.environment["DATABASE_URL"]) as connection:
        row = connection.execute("SELECT count(*) FROM gateway_requestlog").fetchone()
        return int(row[0]) if row else 0
