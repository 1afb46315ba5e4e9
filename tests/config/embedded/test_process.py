from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from config.embedded import process
from config.embedded.errors import EmbeddedServiceError
from tests.config.embedded.processes import is_alive, survivors, wait_until


def test_a_child_ends_when_its_parent_is_killed(folder: Path) -> None:
    script = (
        "import time; from pathlib import Path; from config.embedded import process\n"
        f"print(process.start('sleeper', ['sleep', '1000'], log=Path({str(folder / 'log')!r})).pid, flush=True)\n"
        "time.sleep(1000)"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert is_alive(child)
        parent.kill()
    assert survivors([child]) == []


def test_what_a_killed_child_leaves_in_its_group_is_killed_too(folder: Path) -> None:
    child = process.start("supervisor", ["sh", "-c", "sleep 1000 & echo $!; wait"], log=folder / "log")
    assert wait_until(lambda: bool(child.tail()))
    grandchild = int(child.tail()[0])

    os.kill(child.pid, signal.SIGKILL)

    assert child.wait(30)
    assert survivors([grandchild]) == []


def test_a_child_that_ignores_its_stop_signal_is_killed(folder: Path) -> None:
    child = process.start("deaf", ["sh", "-c", "trap '' TERM; echo ready; sleep 1000"], log=folder / "log")
    assert wait_until(lambda: child.tail() == ["ready"])
    child.stop(seconds=0.2)
    assert child.has_ended()
    assert child.exit_status == -signal.SIGKILL


def test_stopping_twice_and_stopping_the_dead_does_nothing(folder: Path) -> None:
    child = process.start("short", ["true"], log=folder / "log")
    assert child.wait(30)
    child.stop(seconds=1)
    child.stop(seconds=1)
    assert child.exit_status == 0


def test_a_child_has_its_own_session_so_that_ctrl_c_does_not_reach_it(folder: Path) -> None:
    child = process.start("sleeper", ["sleep", "1000"], log=folder / "log")
    assert os.getsid(child.pid) == child.pid
    child.stop(seconds=1)


def test_the_tail_begins_with_this_start(folder: Path) -> None:
    log = folder / "log"
    log.write_text("from an earlier run\n")
    child = process.start("echo", ["echo", "now"], log=log)
    assert child.wait(30)
    assert child.tail() == ["now"]
    assert log.read_text() == "from an earlier run\nnow\n"


def test_a_large_log_is_moved_aside(folder: Path) -> None:
    log = folder / "a.log"
    with log.open("wb") as file:
        file.truncate(process.LOG_LIMIT_BYTES + 1)
    process.start("echo", ["echo", "now"], log=log).wait(30)
    assert log.read_text() == "now\n"
    assert (folder / "a.log.1").stat().st_size == process.LOG_LIMIT_BYTES + 1


def test_starting_outside_the_main_thread_is_refused(folder: Path) -> None:
    refusals: list[str] = []

    def start() -> None:
        try:
            process.start("sleeper", ["sleep", "1000"], log=folder / "log")
        except RuntimeError as error:
            refusals.append(str(error))

    thread = threading.Thread(target=start)
    thread.start()
    thread.join()
    assert len(refusals) == 1
    assert "main thread" in refusals[0]


def test_what_cannot_be_executed_is_named(folder: Path) -> None:
    with pytest.raises(EmbeddedServiceError, match="cannot run /no/such/server"):
        process.start("nothing", ["/no/such/server"], log=folder / "log")


def test_a_child_that_a_signal_kept_from_being_handed_over_is_stopped_with_all_others(folder: Path) -> None:
    script = f"""
import os, signal, subprocess
from pathlib import Path
from config.embedded import process

class Interrupted(BaseException):
    pass

def interrupt(number, frame):
    raise Interrupted

class Interrupting(subprocess.Popen):
    def _execute_child(self, *args, **options):
        super()._execute_child(*args, **options)
        print(self.pid, flush=True)
        os.kill(os.getpid(), signal.SIGTERM)

signal.signal(signal.SIGTERM, interrupt)
subprocess.Popen = Interrupting
try:
    process.start("sleeper", ["sleep", "1000"], log=Path({str(folder / "log")!r}))
except Interrupted:
    process.stop_all(seconds=5)
    print("stopped", flush=True)
input()
"""
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        child, said = int(parent.stdout.readline()), parent.stdout.readline()
        assert said == "stopped\n"
        assert survivors([child], seconds=0) == []  # while its parent, whose death would end it, lives
        parent.communicate("\n")
    assert parent.returncode == 0


def test_a_child_holds_no_signals_back(folder: Path) -> None:
    child = process.start("grep", ["grep", "SigBlk", "/proc/self/status"], log=folder / "log")
    assert child.wait(30)
    assert int(child.tail()[0].split()[1], 16) == 0
    assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == set()
