"""A closed loop of clients on keep-alive connections: each sends its next request when the last one is answered.

A raw socket client, because an HTTP library's own work on shared cores would be most of what is measured.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

import psutil


@dataclass(frozen=True)
class Load:
    """What to send. `count` requests over `clients` connections."""

    url: str
    path: str
    body: bytes
    headers: dict[str, str]
    clients: int
    count: int


@dataclass(frozen=True)
class Result:
    """Seconds, but for `cpu_us`: CPU microseconds per request of the watched process, user and system."""

    latencies: list[float]
    elapsed: float
    cpu_us: float

    def percentile(self, share: float) -> float:
        return self.latencies[min(len(self.latencies) - 1, int(len(self.latencies) * share))]

    @property
    def per_second(self) -> float:
        return len(self.latencies) / self.elapsed


async def run(load: Load, pid: int) -> Result:
    """Send it all; raises RuntimeError on any answer but 200."""
    address = urlsplit(load.url)
    lines = [f"POST {load.path} HTTP/1.1", f"host: {address.netloc}", f"content-length: {len(load.body)}"]
    lines += [f"{name}: {value}" for name, value in load.headers.items()]
    request = "\r\n".join([*lines, "", ""]).encode() + load.body
    latencies: list[float] = []
    connections = [await asyncio.open_connection(address.hostname, address.port) for _ in range(load.clients)]
    process = psutil.Process(pid)

    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(load.count // load.clients):
            began = time.perf_counter()
            writer.write(request)
            await _answer(reader)
            latencies.append(time.perf_counter() - began)

    before, began = _cpu(process), time.perf_counter()
    await asyncio.gather(*(client(*connection) for connection in connections))
    elapsed, cpu = time.perf_counter() - began, _cpu(process) - before
    for _, writer in connections:
        writer.close()
    return Result(sorted(latencies), elapsed, cpu / len(latencies) * 1e6)


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


async def _answer(reader: asyncio.StreamReader) -> None:
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    if not head.startswith(b"http/1.1 200"):
        raise RuntimeError(head.decode(errors="replace") + (await reader.read(2000)).decode(errors="replace"))
    if b"transfer-encoding: chunked" in head:
        while not (await reader.readuntil(b"\r\n")).startswith(b"0\r\n"):
            pass
        await reader.readuntil(b"\r\n")
        return
    length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
    await reader.readexactly(length)
