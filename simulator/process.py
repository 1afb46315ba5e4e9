"""Runs the simulator as a child process: for the tests, the demo and the benchmarks."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType

from simulator.client import SimulatorClient

READY_SECONDS = 60.0
STOP_SECONDS = 5.0
_ROOT = Path(__file__).resolve().parent.parent
_READY = b"simulator listening on "


class SimulatorFailed(RuntimeError):
    """The child process ended, or did not listen in time."""


class SimulatorProcess:
    """A simulator of one's own, on a free port unless one is named. `with SimulatorProcess() as simulator:` starts and stops it.

    On Linux it ends with the thread that started it, at the latest.
    """

    def __init__(self, *arguments: str, host: str = "127.0.0.1", port: int = 0) -> None:
        """`arguments` are further command-line options, such as `"--log-size", "0"`."""
        self._command = [sys.executable, "-m", "simulator", "--host", host, "--port", str(port), *arguments]
        self._child: subprocess.Popen[bytes] | None = None
        self.base_url = ""

    @property
    def pid(self) -> int | None:
        return None if self._child is None else self._child.pid

    @property
    def client(self) -> SimulatorClient:
        """The control endpoints of this process."""
        return SimulatorClient(self.base_url)

    def start(self) -> SimulatorProcess:
        """Returns once it listens. Raises SimulatorFailed, and leaves no process behind then."""
        if self._child is not None:
            raise SimulatorFailed("it has been started already")
        self._child = subprocess.Popen(  # noqa: S603  # our own interpreter and module
            [*self._command, "--parent-pid", str(os.getpid())],
            cwd=_ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
        )
        try:
            self.base_url = self._first_line(self._child)
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Ends the process that this object started, and no other. Idempotent."""
        child, self._child = self._child, None
        if child is None:
            return
        child.terminate()
        try:
            child.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        if child.stdout is not None:
            child.stdout.close()

    def __enter__(self) -> SimulatorProcess:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @staticmethod
    def _first_line(child: subprocess.Popen[bytes]) -> str:
        if child.stdout is None:
            raise SimulatorFailed("it has no standard output")
        deadline = time.monotonic() + READY_SECONDS
        line = b""
        while not line.endswith(b"\n"):
            ready, _, _ = select.select([child.stdout], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                raise SimulatorFailed(f"it did not listen within {READY_SECONDS:g} seconds")
            byte = os.read(child.stdout.fileno(), 1)
            if not byte:
                raise SimulatorFailed(f"it ended with status {child.wait()} before it listened")
            line += byte
        if not line.startswith(_READY):
            raise SimulatorFailed(f"it said {line!r} instead of where it listens")
        return line.removeprefix(_READY).decode().strip()
