"""CPU time and memory of processes and all that they have started."""

from __future__ import annotations

import contextlib
from pathlib import Path

import psutil

MEGABYTE = 1024 * 1024


def cpu_seconds(process: psutil.Process) -> float:
    """User and system time of all its threads: from the scheduler, to the nanosecond, where it tells, else in ticks of 10 ms."""
    try:
        tasks = Path(f"/proc/{process.pid}/task").glob("*/schedstat")
        return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9
    except (OSError, ValueError, IndexError):
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
