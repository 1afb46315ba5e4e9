"""Load: many clients at once, some of whom leave mid-stream, and what each of them was told."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from simulator.client import SimulatorClient
from tests.gateway.live import Gateway, wait_until

AT_ONCE = 64
BROKEN = 0  # instead of a status: the connection broke before there was one


@dataclass(frozen=True)
class Ask:
    """One client's request. Its prompt is its own, so that the simulator's log tells it from the others."""

    gateway: Gateway
    secret: str
    prompt: str
    body: dict[str, Any]
    leaves: bool = False

    @property
    def content(self) -> bytes:
        return json.dumps({**self.body, "messages": [{"role": "user", "content": self.prompt}]}).encode()


@dataclass(frozen=True)
class Shot:
    """What came of an ask: the status, the refusal's code, the request's id. `is_whole`: the answer was read to its end."""

    ask: Ask
    status: int
    code: str = ""
    request_id: str = ""
    is_whole: bool = True


def shoot(ask: Ask) -> Shot:
    """Send it; one that leaves hangs up after the stream's first event."""
    address = urlsplit(ask.gateway.url)
    client = http.client.HTTPConnection(address.hostname or "", address.port, timeout=30)
    status, request_id = BROKEN, ""
    try:
        client.request("POST", "/v1/chat/completions", ask.content, {"authorization": f"Bearer {ask.secret}"})
        response = client.getresponse()
        status, request_id = response.status, response.getheader("x-request-id") or ""
        if ask.leaves and status == 200:
            response.readline()
            return Shot(ask, status, request_id=request_id, is_whole=False)
        body = response.read()
        code = json.loads(body)["error"]["code"] if status != 200 else ""
        return Shot(ask, status, code, request_id)
    except (OSError, http.client.HTTPException):
        return Shot(ask, status, request_id=request_id, is_whole=False)
    finally:
        client.close()


def fire(asks: Iterable[Ask], during: Callable[[], None] | None = None) -> list[Shot]:
    """Send them all, `AT_ONCE` at a time, and do `during` meanwhile."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        futures = [pool.submit(shoot, ask) for ask in asks]
        if during is not None:
            during()
        return [future.result() for future in futures]


def by_prompt(simulator: SimulatorClient, asks: Sequence[Ask]) -> dict[str, dict[str, Any]]:
    """What reached the simulator of these, by prompt, once all of it has ended there. No request may reach it twice."""
    prompts = {ask.prompt for ask in asks}

    def reached() -> list[dict[str, Any]]:
        return [entry for entry in simulator.requests() if entry["body"]["messages"][0]["content"] in prompts]

    wait_until(lambda: all(entry["outcome"] != "in_progress" for entry in reached()))
    entries = reached()
    found = {entry["body"]["messages"][0]["content"]: entry for entry in entries}
    assert len(found) == len(entries)
    return found
