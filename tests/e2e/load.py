"""Load: many clients at once, some of whom leave mid-stream, and what each of them was told."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
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
    path: str = "/v1/chat/completions"

    @property
    def content(self) -> bytes:
        return json.dumps({**self.body, "messages": [{"role": "user", "content": self.prompt}]}).encode()


@dataclass(frozen=True)
class Shot:
    """What came of an ask: the status, the refusal's code, the request's id, headers by lower-case name. `is_whole`: the answer was read
    to its end."""

    ask: Ask
    status: int
    code: str = ""
    request_id: str = ""
    is_whole: bool = True
    headers: dict[str, str] = field(default_factory=dict)
    content: bytes = b""


def shoot(ask: Ask) -> Shot:
    """Send it; one that leaves hangs up after the stream's first event."""
    address = urlsplit(ask.gateway.url)
    client = http.client.HTTPConnection(address.hostname or "", address.port, timeout=30)
    status, request_id = BROKEN, ""
    try:
        client.request("POST", ask.path, ask.content, {"authorization": f"Bearer {ask.secret}"})
        response = client.getresponse()
        status, request_id = response.status, response.getheader("x-request-id") or ""
        if ask.leaves and status == 200:
            response.readline()
            return Shot(ask, status, request_id=request_id, is_whole=False)
        body = response.read()
        code = json.loads(body)["error"]["code"] if status != 200 else ""
        headers = {name.lower(): value for name, value in response.getheaders()}
        return Shot(ask, status, code, request_id, headers=headers, content=body)
    except (OSError, http.client.HTTPException):
        return Shot(ask, status, request_id=request_id, is_whole=False)
    finally:
        client.close()


def fire(asks: Iterable[Ask], during: Callable[[], None] | None = None, *, at_once: int = AT_ONCE) -> list[Shot]:
    """Send them all, that many at a time, and do `during` meanwhile."""
    with ThreadPoolExecutor(at_once) as pool:
        futures = [pool.submit(shoot, ask) for ask in asks]
        if during is not None:
            during()
        return [future.result() for future in futures]


def insist(asks: Iterable[Ask], during: Callable[[], None] | None = None, *, at_once: int = AT_ONCE) -> list[Shot]:
    """As `fire`, but who is told 503 asks again a little later, as the SDKs do, for up to 15 s. Each one's last answer is returned."""

    def shoot_again(ask: Ask) -> Shot:
        deadline = time.monotonic() + 15
        while (shot := shoot(ask)).status == 503 and time.monotonic() < deadline:
            time.sleep(0.2)
        return shot

    with ThreadPoolExecutor(at_once) as pool:
        futures = [pool.submit(shoot_again, ask) for ask in asks]
        if during is not None:
            during()
        return [future.result() for future in futures]


def by_prompt(simulator: SimulatorClient, asks: Sequence[Ask]) -> dict[str, dict[str, Any]]:
    """What reached the simulator of these, by prompt, once all of it has ended there. No request may reach it twice."""
    entries = reached(simulator, asks)
    found = {prompt_of(entry): entry for entry in entries}
    assert len(found) == len(entries)
    return found


def reached(simulator: SimulatorClient, asks: Sequence[Ask]) -> list[dict[str, Any]]:
    """The simulator's log of these, once all of it has ended there."""
    prompts = {ask.prompt for ask in asks}

    def entries() -> list[dict[str, Any]]:
        return [entry for entry in simulator.requests() if prompt_of(entry) in prompts]

    wait_until(lambda: all(entry["outcome"] != "in_progress" for entry in entries()))
    return entries()


def prompt_of(entry: dict[str, Any]) -> str:
    """The prompt that a provider was sent, in either format."""
    content = entry["body"]["messages"][0]["content"]
    return str(content if isinstance(content, str) else content[0]["text"])
