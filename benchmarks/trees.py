"""CPU time and memory of processes and all that they have started."""

from __future__ import annotations

import contextlib
import sys
import time

import psutil

MEGABYTE = 1024 * 1024
SCHEDULER_CLOCK = 2  # in the number of another process's clock, as clock_getcpuclockid(3) makes it


def cpu_seconds(process: psutil.Process) -> float:
    """User and system time of all its threads, those that have ended included: by the kernel's clock of that process, to the nanosecond,
    where there is one, else in ticks of 10 ms."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            return time.clock_gettime((~process.pid << 3) | SCHEDULER_CLOCK)
    times = process.cpu_times()
    return float(times.user + times.system)


class Tree:
    """Some processes with their children, as they are at the time of asking."""

    def __init__(self, pids: list[int]) -> None:
        self._roots = [psutil.Process(pid) for pid in pids]

    def processes(self) -> list[psutil.Process]:
        found: dict[int, psutil.Process] = {}
        for root in self._roots:
            with contextlib.suppress(psutil.NoSuchProcess):
                found |= {process.pid: process for process in [root, *root.children(recursive=True)]}
        return list(found.values())

    def cpu_seconds(self) -> float:
        total = 0.0
        for process in self.processes():
            with contextlib.suppress(psutil.NoSuchProcess):
                total += cpu_seconds(process)
        return total

    def megabytes(self) -> float:
        """Unshared memory and each process's share of what is shared (PSS)."""
        total = 0.0
        for process in self.processes():
            with contextlib.suppress(psutil.Error):
                total += process.memory_full_info().pss / MEGABYTE
        return total


class TreeMeter:
    """A `benchmarks.load.Meter`: CPU seconds of the gateway's own processes, and of all else that works for
    it (stores, workers)."""

    def __init__(self, own: Tree, rest: Tree) -> None:
        self._own, self._rest = own, rest

    def read(self) -> tuple[float, float, float]:
        return self._own.cpu_seconds(), self._rest.cpu_seconds(), 0.0
