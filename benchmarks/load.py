"""A closed loop of clients on keep-alive connections: each sends its next request when the last one is answered.

A raw socket client, because an HTTP library's own work on shared cores would be most of what is measured.
"""

from __future__ import annotations

import asyncio
import itertools
import math
import time
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import urlsplit

import psutil
from redis import Redis

from benchmarks.trees import cpu_seconds

LARGEST_CHUNK = 4 * 1024 * 1024
_numbers = itertools.count()


@dataclass(frozen=True)
class Load:
    """What to send. `count` requests over `clients` connections. `may_fail`: answers but 200 are counted instead of raised.
    `changing`: eight characters of each request's body are a number of its own."""

    url: str
    path: str
    body: bytes
    headers: dict[str, str]
    clients: int
    count: int
    may_fail: bool = False
    changing: bool = False


@dataclass(frozen=True)
class Result:
    """Seconds, but for CPU microseconds (user and system) per request of the watched gateway and its Redis, and calls of Redis scripts
    per request."""

    latencies: list[float]
    elapsed: float
    cpu_us: float
    redis_us: float
    scripts: float
    failed: int = 0
    first_bytes: list[float] = field(default_factory=list)  # of streams: until the first bytes of the answer itself

    def percentile(self, share: float) -> float:
        return _percentile(self.latencies, share)

    def first_byte(self, share: float) -> float:
        return _percentile(self.first_bytes, share)

    @property
    def per_second(self) -> float:
        return len(self.latencies) / self.elapsed


def _percentile(ordered: list[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else math.nan


class Meter(Protocol):
    """CPU seconds of the gateway, of what else counts, and scripts that Redis has run, so far."""

    def read(self) -> tuple[float, float, float]: ...


class Watched:
    """The processes whose work counts."""

    def __init__(self, *, gateway_pid: int, redis_pid: int, redis_url: str) -> None:
        self._gateway = psutil.Process(gateway_pid)
        self._redis = psutil.Process(redis_pid)
        self._client = Redis.from_url(redis_url)

    def read(self) -> tuple[float, float, float]:
        """CPU seconds of the gateway and of Redis, and scripts that Redis has run."""
        calls: Any = self._client.info("commandstats")
        return (
            cpu_seconds(self._gateway),
            cpu_seconds(self._redis),
            float(calls.get("cmdstat_evalsha", {}).get("calls", 0)),
        )


async def run(load: Load, watched: Meter) -> Result:
    """Send it all; raises RuntimeError on any answer but 200, unless the load may fail."""
    address = urlsplit(load.url)
    lines = [f"POST {load.path} HTTP/1.1", f"host: {address.netloc}", f"content-length: {len(load.body)}"]
    lines += [f"{name}: {value}" for name, value in load.headers.items()]
    head = "\r\n".join([*lines, "", ""]).encode()
    place = load.body.find(b"word word ")
    latencies: list[float] = []
    first_bytes: list[float] = []
    failed = 0
    connections = [
        await asyncio.open_connection(address.hostname, address.port, limit=LARGEST_CHUNK) for _ in range(load.clients)
    ]

    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal failed
        for _ in range(load.count // load.clients):
            body = load.body
            if load.changing:
                body = b"%s%08x%s" % (body[:place], next(_numbers), body[place + 8 :])
            request = head + body
            began = time.perf_counter()
            writer.write(request)
            problem, first_byte = await _answer(reader)
            if problem and not load.may_fail:
                raise RuntimeError(problem)
            failed += bool(problem)
            if first_byte:
                first_bytes.append(first_byte - began)
            latencies.append(time.perf_counter() - began)

    before, began = watched.read(), time.perf_counter()
    await asyncio.gather(*(client(*connection) for connection in connections))
    elapsed = time.perf_counter() - began
    cpu, redis_cpu, scripts = (after - start for after, start in zip(watched.read(), before, strict=True))
    for _, writer in connections:
        writer.close()
    count = len(latencies)
    return Result(
        sorted(latencies),
        elapsed,
        cpu / count * 1e6,
        redis_cpu / count * 1e6,
        scripts / count,
        failed,
        sorted(first_bytes),
    )


async def _answer(reader: asyncio.StreamReader) -> tuple[str, float]:
    """Read an answer to its end; returns what it says if it is not a 200, and when a stream's first bytes came, or 0."""
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    body = b""
    first_byte = 0.0
    if b"transfer-encoding: chunked" in head:
        while not (await reader.readuntil(b"\r\n")).startswith(b"0\r\n"):
            first_byte = first_byte or time.perf_counter()
        await reader.readuntil(b"\r\n")
    else:
        body = await reader.readexactly(int(head.partition(b"content-length:")[2].partition(b"\r\n")[0]))
    return "" if head.startswith(b"http/1.1 200") else (head + body).decode(errors="replace"), first_byte
