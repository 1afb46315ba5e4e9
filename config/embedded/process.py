"""A child process that never outlives us: started with a death signal, logged to a file, stopped step by step.

Signals only what was started here: the child itself, and what is left of its process group once it has ended.
Restarting, waiting for readiness and the order among children are the callers' affair; `stop_all` is for those that a
caller never got to see, because a signal's handler raised while they were being started.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from config.embedded.errors import EmbeddedServiceError

PR_SET_PDEATHSIG = 1
POLL_SECONDS = 0.02
LOG_LIMIT_BYTES = 10_000_000

# Loaded before any fork: a child between fork and exec must not take the loader's or the allocator's locks.
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None

_started: list[Child] = []  # not known to have ended


@dataclass(frozen=True)
class RunAs:
    """Another system user to run a child as; only root can."""

    uid: int
    gid: int
    name: str


@dataclass
class Child:
    """A running, or ended, child process. Its pid is also its process group and its session."""

    name: str
    log: Path
    stop_signals: Sequence[signal.Signals]
    _popen: subprocess.Popen[bytes]
    _log_start: int
    started_at: float = field(default_factory=time.monotonic)
    _signals_sent: int = 0

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def exit_status(self) -> int | None:
        """As in `subprocess`: None while it runs, negative for a signal."""
        return self._popen.returncode

    def has_ended(self) -> bool:
        """Whether it is gone.

        When it has just gone, what is left of its process group is killed (workers of a killed supervisor).
        """
        if self._popen.returncode is not None:
            return True
        if hasattr(os, "waitid"):
            # Look without reaping: as long as the zombie holds its pid, the group's number cannot belong to anybody
            # else.
            with contextlib.suppress(ChildProcessError):
                if os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
                    return False
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(self.pid, signal.SIGKILL)
        return self._popen.poll() is not None

    def wait(self, seconds: float) -> bool:
        """Whether it has ended within that time."""
        deadline = time.monotonic() + seconds
        while not self.has_ended():
            if time.monotonic() >= deadline:
                return False
            time.sleep(POLL_SECONDS)
        return True

    def ask_to_stop(self) -> None:
        """Send the first of its stop signals and return, so that several children can end side by side. Idempotent."""
        if self._signals_sent == 0 and not self.has_ended():
            self._send_next_signal()

    def retire(self, number: signal.Signals) -> None:
        """Send a signal that lets it end in its own time; `stop` still has all of its stop signals. Idempotent."""
        if not self.has_ended():
            self._popen.send_signal(number)

    def stop(self, *, seconds: float) -> None:
        """Send each of its stop signals, waiting `seconds` after each, then SIGKILL to its group.

        Idempotent; returns when it is gone.
        """
        self.ask_to_stop()
        while not self.wait(seconds):
            if self._signals_sent < len(self.stop_signals):
                self._send_next_signal()
                continue
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)
            self._popen.kill()
            self._popen.wait()

    def _send_next_signal(self) -> None:
        self._popen.send_signal(self.stop_signals[self._signals_sent])
        self._signals_sent += 1

    def tail(self, lines: int = 12) -> list[str]:
        """The last lines it logged since it was started."""
        try:
            with self.log.open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(max(self._log_start, size - 16_384))
                return file.read().decode(errors="replace").splitlines()[-lines:]
        except OSError:
            return []

    def failure(self, what: str) -> EmbeddedServiceError:
        """An error that says `what`, where the log is, and the log's last lines."""
        head = f"{what}; the end of {self.log}:"
        return EmbeddedServiceError("\n".join([head, *(f"    {line}" for line in self.tail())]))


def start(
    name: str,
    command: Sequence[str | Path],
    *,
    log: Path,
    env: Mapping[str, str] | None = None,
    cwd: Path = Path("/"),
    stop_signals: Sequence[signal.Signals] = (signal.SIGTERM,),
    run_as: RunAs | None = None,
    answer: bytes | None = None,
    pass_fds: Sequence[int] = (),
) -> Child:
    """Start `command` in a session of its own (the terminal's Ctrl-C reaches only us); its output goes to `log`.

    On Linux the kernel sends the child the first of `stop_signals` when we die, be it by SIGKILL. The kernel takes "we"
    to be the *thread* that forked: hence RuntimeError unless called from the main thread. `answer`, a few bytes, is
    what the child reads from its standard input; `pass_fds` are open in it, too. Raises EmbeddedServiceError when it cannot be executed.
    """
    if threading.current_thread() is not threading.main_thread():
        raise RuntimeError(
            "children are started from the main thread: their death signal follows the thread that forked"
        )
    with _open_log(log) as output, _signals_held_back() as usual_mask:
        log_start = output.tell()
        try:
            popen = subprocess.Popen(  # noqa: S603 (commands are built here, never from a request)
                [os.fspath(part) for part in command],
                stdin=subprocess.DEVNULL if answer is None else subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=env,
                cwd=cwd,
                start_new_session=True,
                pass_fds=pass_fds,
                # Runs after the user was changed (that clears a death signal); one C call, prepared before the fork.
                preexec_fn=_tied_to_us(stop_signals[0], os.getpid(), usual_mask),  # noqa: PLW1509
                user=None if run_as is None else run_as.uid,
                group=None if run_as is None else run_as.gid,
                extra_groups=None if run_as is None else [],
            )
        except (OSError, subprocess.SubprocessError) as error:
            user = "" if run_as is None else f" as user {run_as.name}"
            raise EmbeddedServiceError(f"cannot run {os.fspath(command[0])}{user}: {error}") from error
        child = Child(name=name, log=log, stop_signals=stop_signals, _popen=popen, _log_start=log_start)
        _started[:] = [*(other for other in _started if other.exit_status is None), child]
    if answer is not None and popen.stdin is not None:
        with contextlib.suppress(BrokenPipeError), popen.stdin:
            popen.stdin.write(answer)
    return child


def stop_all(*, seconds: float) -> None:
    """Stop every child that still runs, the last one first; each as by `Child.stop`. Idempotent."""
    for child in reversed(_started):
        child.stop(seconds=seconds)
    _started.clear()


@contextlib.contextmanager
def _signals_held_back() -> Iterator[set[int]]:
    """Signals wait meanwhile: a handler that raises between the fork and the return would make us lose the child.

    Gives the mask as it was, which the child has to put back.
    """
    usual = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        yield usual
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, usual)


def end_with_parent() -> None:
    """Have the kernel send us SIGTERM when the process that started us dies. Only Linux can; elsewhere a no-op."""
    if _libc is not None:
        _libc.prctl(PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)


def _open_log(log: Path) -> BinaryIO:
    """Open it for appending; a large one is first moved aside, as `<name>.1` (one such file is kept)."""
    try:
        if log.exists() and log.stat().st_size > LOG_LIMIT_BYTES:
            log.replace(log.with_name(log.name + ".1"))
        return log.open("ab")
    except OSError as error:
        raise EmbeddedServiceError(f"cannot write {log}: {error.strerror}") from error


def _tied_to_us(death_signal: signal.Signals, our_pid: int, mask: set[int]) -> Callable[[], None]:
    def tie() -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        if _libc is not None:
            _libc.prctl(PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
        if os.getppid() != our_pid:  # we died between the fork and the call above
            os._exit(1)

    return tie
