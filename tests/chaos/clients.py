"""Who calls: clients on real sockets, each with a pause between its requests, in a thread of their own; and what each was told.

Each request has an id of its own, which is its prompt (so that the simulator knows it) and its feature (so that the request log does).
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import threading
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

import aiohttp

from tests.chaos.cast import ANTHROPIC, OPENAI, Cast, Member

PAUSE_SECONDS = 0.1
STEADY_CLIENTS, BUDGETED_CLIENTS = 8, 2  # the latter for each of them
PATIENCE_SECONDS = 15.0  # who has waited that long hangs: every wait of Tollgate's is shorter here
AS_BEFORE_SECONDS = 1.5  # for so long all must have gone well
SLOW_SECONDS = 1.0  # an answer takes a fifth of that
MOST_TOKENS = 40

Outcome = Literal["served", "left", "refused", "torn", "broken", "hung"]
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Ask:
    """A request to be made. `leaves`: its client hangs up after the stream's first event."""

    id: str
    tenant_id: UUID
    secret: str
    path: str
    body: dict[str, Any]
    leaves: bool = False

    @property
    def headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.secret}", "x-tollgate-feature": self.id}


@dataclass(frozen=True)
class Shot:
    """What came of it. served: a whole answer; refused: an error instead of one; torn: a stream that ended too early; broken: no answer, or
    half of one; hung: nobody said anything. Times are of the monotonic clock."""

    ask: Ask
    outcome: Outcome
    began: float
    ended: float
    status: int = 0
    code: str = ""


def ask(member: Member, number: int, *, may_leave: bool = False, **more: Any) -> Ask:
    """The member's next: of both formats, every other one streamed."""
    identity = f"chaos {next(_numbers)}"
    is_openai, is_stream = number % 2 == 0, number // 2 % 2 == 1
    body = {
        "model": OPENAI if is_openai else ANTHROPIC,
        "max_tokens": MOST_TOKENS,
        "stream": is_stream,
        "messages": [{"role": "user", "content": identity}],
        **more,
    }
    return Ask(
        identity,
        member.tenant_id,
        member.secrets[number % len(member.secrets)],
        "/v1/chat/completions" if is_openai else "/v1/messages",
        body,
        leaves=is_stream and may_leave,
    )


class Load:
    """The clients of one fault. `shots` grows while it runs."""

    def __init__(self, url: str, cast: Cast) -> None:
        self.url = url
        self.cast = cast
        self.shots: list[Shot] = []
        self.owners: dict[str, UUID] = {}  # of all requests, also of those that told nothing yet
        self.let_go = 0  # guests with whom the gateway lost its patience
        self._under_way: dict[str, tuple[UUID, float]] = {}
        self._loop = asyncio.new_event_loop()
        self._is_over = False
        self._thread = threading.Thread(target=self._loop.run_forever, name="clients")
        self._steady: Future[None] | None = None
        self._guests: list[Future[None]] = []

    def start(self) -> None:
        self._thread.start()
        self._steady = self.begin(self._all())

    def begin(self, what: Coroutine[Any, Any, Any]) -> Future[Any]:
        """Have something done in the clients' thread."""
        return asyncio.run_coroutine_threadsafe(what, self._loop)

    def invite(self, guests: Callable[[Load], Coroutine[Any, Any, None]]) -> Future[None]:
        """Clients that behave badly; they are shown out when the load is closed."""
        self._guests.append(self.begin(guests(self)))
        return self._guests[-1]

    def stop(self) -> None:
        """No more requests; returns when those under way have ended. Idempotent."""
        if not self._is_over:
            self._is_over = True
            if self._steady is not None:
                self._steady.result()

    def close(self) -> None:
        self.stop()
        for guests in self._guests:
            guests.cancel()
        self.begin(asyncio.sleep(0.1)).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def served_again(self, since: float) -> float | None:
        """After how many seconds from `since` the steady tenant was served as before; None while it is not."""
        now = time.monotonic()
        own = [shot for shot in list(self.shots) if shot.ask.tenant_id == self.cast.steady.tenant_id]
        bad = [
            shot.ended
            for shot in own
            if shot.outcome not in ("served", "left") or shot.ended - shot.began > SLOW_SECONDS
        ]
        last = max([since, *bad])
        good = sum(shot.began >= last for shot in own)
        waits = [began for tenant, began in list(self._under_way.values()) if tenant == self.cast.steady.tenant_id]
        is_stuck = any(now - began > SLOW_SECONDS for began in waits)
        if is_stuck or now - last < AS_BEFORE_SECONDS or good < STEADY_CLIENTS:
            return None
        return last - since

    async def _all(self) -> None:
        steady = [self._client(self.cast.steady, number) for number in range(STEADY_CLIENTS)]
        others = [self._client(member, number) for member in self.cast.budgeted for number in range(BUDGETED_CLIENTS)]
        await asyncio.gather(*steady, *others)

    async def _client(self, member: Member, number: int) -> None:
        for turn in itertools.count(number):
            if self._is_over:
                return
            await self.shoot(ask(member, turn, may_leave=bool(member.metric) and turn % 3 == 0))
            await asyncio.sleep(PAUSE_SECONDS)

    async def use_up(self, member: Member, most: int = 300) -> bool:
        """Ask on until the member's budget refuses ten in a row; whether it came to that."""
        refusals = 0
        for turn in range(0, most, 8):
            shots = await asyncio.gather(*(self.shoot(ask(member, turn + at)) for at in range(8)))
            refusals = refusals + 8 if all(shot.code == "budget_spent" for shot in shots) else 0
            if refusals > 10:
                return True
        return False

    async def shoot(self, ask: Ask) -> Shot:
        began = time.monotonic()
        self.owners[ask.id] = ask.tenant_id
        self._under_way[ask.id] = (ask.tenant_id, began)
        told: tuple[Outcome, int, str]
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                told = await self._send(ask)
        except TimeoutError:
            told = "hung", 0, ""
        finally:
            del self._under_way[ask.id]
        shot = Shot(ask, told[0], began, time.monotonic(), told[1], told[2])
        self.shots.append(shot)
        return shot

    async def _send(self, ask: Ask) -> tuple[Outcome, int, str]:
        """On a connection of its own, as the gateway processes share out connections."""
        status = 0
        try:
            async with (
                aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as session,
                session.post(self.url + ask.path, json=ask.body, headers=ask.headers, timeout=_FOREVER) as response,
            ):
                status = response.status
                if status != 200:
                    return "refused", status, _code(await response.read())
                if ask.leaves:
                    await response.content.readline()
                    return "left", status, ""
                content = await response.read()
                if not ask.body["stream"]:
                    json.loads(content)
                    return "served", status, ""
                return _end_of_stream(content, status)
        except (aiohttp.ClientError, OSError, ValueError):
            return "broken", status, ""


_FOREVER = aiohttp.ClientTimeout(total=None)


def _code(body: bytes) -> str:
    with contextlib.suppress(ValueError, KeyError, TypeError):
        return str(json.loads(body)["error"].get("code") or json.loads(body)["error"]["type"])
    return "?"


def _end_of_stream(content: bytes, status: int) -> tuple[Outcome, int, str]:
    if b"data: [DONE]" in content or b"event: message_stop" in content:
        return "served", status, ""
    for line in content.split(b"\n"):
        if line.startswith(b"data: ") and b'"error"' in line and (code := _code(line[6:])) != "?":
            return "torn", status, code
    return "torn", status, ""
