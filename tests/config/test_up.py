"""`manage.py up` for real: every process of the house, from the first start to the last signal."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from tests.config.embedded.processes import family, survivors, wait_until
from tests.ports import free_port

PROJECT = Path(__file__).resolve().parents[2]
READY_SECONDS = 120
NOT_INHERITED = ("DATABASE_URL", "REDIS_URL", "ANTHROPIC_API_KEY", "OPENAI_API_KEY", "TOLLGATE_ALLOWED_HOSTS")


@dataclass
class Up:
    """One `manage.py up`, its output in a file."""

    process: subprocess.Popen[bytes]
    output: Path
    environment: dict[str, str]
    pids: list[int] = field(default_factory=list)

    def text(self) -> str:
        return self.output.read_text()

    def until_ready(self) -> Up:
        assert wait_until(
            lambda: "Ctrl-C stops" in self.text() or self.process.poll() is not None, seconds=READY_SECONDS
        )
        assert self.process.poll() is None, self.text()
        self.pids = family(self.process.pid)
        return self

    def row(self, name: str) -> str:
        """A line of the banner."""
        return next(
            line.split(name, 1)[1].strip() for line in self.text().splitlines() if line.strip().startswith(name)
        )

    def child(self, *words: str) -> psutil.Process:
        """The child whose command line has all these words."""
        children = psutil.Process(self.process.pid).children()
        return next(child for child in children if set(words) <= set(child.cmdline()))

    def finish(self, number: signal.Signals, *, seconds: float = 40) -> int:
        """Its exit status, after the signal. `seconds`: what its stages may take one after the other, and some."""
        self.pids = sorted({*self.pids, *family(self.process.pid)})
        self.process.send_signal(number)
        return self.process.wait(seconds)


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="tg-"))
    path.chmod(0o711)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def start(folder: Path) -> Iterator[Callable[..., Up]]:
    """Starts `up` with its data below `folder`; whatever still runs at the end of the test is killed."""
    started: list[Up] = []

    def run(*options: str, var: Path = folder / "var", **variables: str) -> Up:
        environment = {name: value for name, value in os.environ.items() if name not in NOT_INHERITED}
        environment |= {"TOLLGATE_VAR": str(var), **variables}
        output = folder / f"output-{len(started)}"
        with output.open("wb") as file:
            process = subprocess.Popen(
                [sys.executable, "manage.py", "up", *options],
                cwd=PROJECT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
            )
        started.append(Up(process, output, environment))
        return started[-1]

    yield run
    for up in started:
        up.process.kill()
        up.process.wait()
    assert survivors([pid for up in started for pid in up.pids]) == []


def test_it_serves_heals_its_processes_and_ends_in_order_on_ctrl_c(start: Callable[..., Up]) -> None:
    port = free_port()
    up = start("--port", str(port)).until_ready()
    assert up.row("Console") == f"http://127.0.0.1:{port}/"
    assert _complete(up)["choices"]

    for page in ("Admin", "API docs"):
        with urllib.request.urlopen(up.row(page), timeout=10) as response:
            assert response.status == 200

    second = start("--port", str(free_port()))
    assert second.process.wait(READY_SECONDS) == 1
    assert f"already running as pid {up.process.pid}" in second.text()

    for name, word in (("worker", "worker"), ("gateway-1", "serve")):
        up.child(word).kill()
        assert wait_until(lambda name=name: f"{name} has ended (signal 9)" in up.text())
        assert wait_until(
            lambda word=word: any(word in child.cmdline() for child in psutil.Process(up.process.pid).children())
        )
    assert _complete(up)["choices"]  # waits on the socket until the new process takes it

    assert up.finish(signal.SIGINT) == 0
    assert up.text().endswith("Tollgate has stopped; its data is kept.\n")
    assert survivors(up.pids, seconds=0) == []


def test_killing_it_leaves_no_process_and_the_next_start_has_the_same_data(start: Callable[..., Up]) -> None:
    first = start("--port", str(free_port()), "--workers", "2").until_ready()
    assert _complete(first)["choices"]
    first.finish(signal.SIGKILL)
    assert survivors(first.pids) == []

    second = start("--port", str(free_port())).until_ready()
    assert second.row("API key") == first.row("API key")
    assert second.row("Operator") == first.row("Operator")
    assert _complete(second)["choices"]
    assert second.finish(signal.SIGTERM) == 0
    assert survivors(second.pids, seconds=0) == []


@pytest.mark.parametrize(("words", "name"), [(("-D",), "PostgreSQL"), (("--unixsocket",), "Redis")])
def test_a_service_that_dies_ends_everything(start: Callable[..., Up], words: tuple[str, ...], name: str) -> None:
    up = start("--port", str(free_port()), "--workers", "2").until_ready()
    if name == "Redis":  # it rewrites its command line
        victim = next(child for child in psutil.Process(up.process.pid).children() if child.name() == "redis-server")
    else:
        victim = up.child(*words)
    victim.kill()
    assert up.process.wait(READY_SECONDS) == 1
    assert f"tollgate: {name} has ended unexpectedly (signal 9)" in up.text()
    assert survivors(up.pids, seconds=0) == []


def test_it_ends_with_its_parent_when_asked_to(start: Callable[..., Up], folder: Path) -> None:
    port, output = free_port(), folder / "output-of-the-child"
    script = f"{shlex.quote(sys.executable)} manage.py up --end-with-parent --port {port} & echo $!; wait"
    environment = {name: value for name, value in os.environ.items() if name not in NOT_INHERITED}
    with (
        output.open("wb") as file,
        subprocess.Popen(
            ["sh", "-c", script], cwd=PROJECT, env=environment | {"TOLLGATE_VAR": str(folder / "var")}, stdout=file
        ) as shell,
    ):
        assert wait_until(lambda: "Ctrl-C stops" in output.read_text(), seconds=READY_SECONDS)
        pids = family(int(output.read_text().split()[0]))
        shell.kill()
    assert survivors(pids) == []
    assert "Tollgate has stopped" in output.read_text()


def test_a_signal_during_the_start_ends_it_too(start: Callable[..., Up], folder: Path) -> None:
    up = start("--port", str(free_port()), var=folder / "fresh")
    assert wait_until(lambda: (folder / "fresh" / "log" / "migrate.log").exists(), seconds=READY_SECONDS)
    assert up.finish(signal.SIGTERM) == 0
    assert survivors(up.pids, seconds=0) == []


def test_a_taken_port_is_one_clear_line(start: Callable[..., Up], folder: Path) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        up = start("--port", str(port), var=folder / "other")
        assert up.process.wait(READY_SECONDS) == 1
    assert up.text() == f"tollgate: port {port} is in use; choose another with PORT={port + 1} make run\n"


def test_a_database_without_pgvector_or_out_of_reach_is_one_clear_line(start: Callable[..., Up], folder: Path) -> None:
    url = "postgresql://nobody@127.0.0.1:1/tollgate"
    up = start("--port", str(free_port()), var=folder / "other", DATABASE_URL=url)
    assert up.process.wait(READY_SECONDS) == 1
    assert up.text().startswith("tollgate: cannot use the PostgreSQL of DATABASE_URL: ")
    assert up.text().count("\n") == 1


def test_a_folder_that_cannot_be_written_is_a_clear_line(start: Callable[..., Up], folder: Path) -> None:
    (folder / "file").touch()
    up = start("--port", str(free_port()), var=folder / "file" / "var")
    assert up.process.wait(READY_SECONDS) == 1
    assert up.text().count("\n") == 1
    assert f"cannot write to {folder / 'file' / 'var'}" in up.text()


def _complete(up: Up) -> dict[str, object]:
    """Do what the printed curl line says."""
    words = shlex.split(next(line for line in up.text().splitlines() if line.strip().startswith("curl ")))
    headers = dict(words[index + 1].split(": ", 1) for index, word in enumerate(words) if word == "-H")
    body = words[words.index("-d") + 1].encode()
    request = urllib.request.Request(words[1], data=body, headers=headers)
    with urllib.request.urlopen(request, timeout=30) as response:
        return dict(json.loads(response.read()))
