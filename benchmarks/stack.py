"""A throw-away Tollgate for a measurement: services, database, configuration, simulator and one gateway process."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from config.embedded import process, session
from config.embedded.process import Child

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Stack:
    """What is measured. `gateway_pid` is the process whose CPU time counts. `other_url`: a gateway process with an environment of its own,
    if one was asked for."""

    gateway_url: str
    simulator_url: str
    api_key: str
    gateway_pid: int
    redis_pid: int
    redis_url: str
    other_url: str
    enforced_key: str = ""
    cached_key: str = ""
    everything_key: str = ""
    gateway_log: Path = Path(os.devnull)
    other_pid: int = 0
    keys: dict[str, str] = field(default_factory=dict)  # more of them, by name
    environment: dict[str, str] = field(default_factory=dict)  # of its processes, besides one's own
    store_pids: tuple[int, ...] = ()  # PostgreSQL's and Redis's
    gateway_seconds: float = 0.0  # until the gateway answered


@contextlib.contextmanager
def working(stack: Stack) -> Iterator[int]:
    """A worker beside it, with beat, as `manage.py up` starts one; its pid."""
    command = [sys.executable, "-m", "celery", "-A", "config", "worker", "-B", "-l", "warning", "--pool", "threads"]
    with tempfile.TemporaryDirectory(prefix="tollgate-worker-") as folder:
        command += ["--concurrency", "4", "--without-mingle", "--without-gossip", "-s", f"{folder}/beat-schedule"]
        env = {**os.environ, **stack.environment}
        worker = process.start("worker", command, log=Path(folder) / "worker.log", env=env, cwd=ROOT)
        try:
            wait_for_worker(worker)
            yield worker.pid
        finally:
            worker.stop(seconds=15)


def wait_for_worker(worker: Child) -> None:
    deadline = time.monotonic() + 60
    while not any("working as pid" in line for line in worker.tail(50)):
        if time.monotonic() > deadline or worker.has_ended():
            raise worker.failure("the worker did not get ready")
        time.sleep(0.2)


def free_port() -> int:
    import socket

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def _wait(url: str, child: Child) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if child.has_ended():
            raise child.failure(f"{child.name} has ended")
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=1):
            return
        time.sleep(0.05)
    raise child.failure(f"{child.name} does not answer at {url}")


def _start_gateway(
    url: str, children: list[Child], folder: Path, env: dict[str, str], tree: Path = ROOT, python: str = sys.executable
) -> int:
    port = url.rpartition(":")[2]
    command = [python, "manage.py", "serve", "--port", port]
    children.append(process.start("gateway", command, log=folder / f"gateway-{port}.log", env=env, cwd=tree))
    _wait(f"{url}/readyz", children[-1])
    return children[-1].pid


@contextlib.contextmanager
def running(
    seed: str = "benchmarks.seed",
    other: dict[str, str] | None = None,
    other_tree: Path = ROOT,
    other_python: str = sys.executable,
) -> Iterator[Stack]:
    """Start it all in a temporary folder, stop it all at the end. `seed`: the module that makes the configuration and prints its keys;
    `other`: the environment of a second gateway process, whose code is that of `other_tree`, run by `other_python`."""
    with tempfile.TemporaryDirectory(prefix="tollgate-bench-") as name:
        folder = Path(name)
        folder.chmod(0o711)  # the database's own user must get to its files
        services = session.start(folder / "services", durable=False)
        own = {
            "DATABASE_URL": services.database_url,
            "REDIS_URL": services.redis_url,
            "TOLLGATE_VAR": str(folder / "var"),
            "TOLLGATE_LOG_LEVEL": "WARNING",
        }
        env = {**os.environ, **own}
        children: list[Child] = []
        try:
            manage = [sys.executable, "manage.py"]
            subprocess.run([*manage, "migrate", "--noinput", "-v0"], cwd=ROOT, env=env, check=True)
            simulator_url, gateway_url, other_url = (f"http://127.0.0.1:{free_port()}" for _ in range(3))
            seeded = subprocess.run(
                [sys.executable, "-m", seed, simulator_url],
                cwd=ROOT,
                env=env,
                check=True,
                stdout=subprocess.PIPE,
            )
            keys = json.loads(seeded.stdout.splitlines()[-1])
            simulator = [
                sys.executable,
                "-m",
                "simulator",
                "--port",
                simulator_url.rpartition(":")[2],
                "--log-size",
                "0",
            ]
            children.append(process.start("simulator", simulator, log=folder / "simulator.log", env=env, cwd=ROOT))
            _wait(f"{simulator_url}/healthz", children[-1])
            began = time.perf_counter()
            gateway_pid = _start_gateway(gateway_url, children, folder, env)
            gateway_seconds = time.perf_counter() - began
            other_pid = 0
            if other is not None:
                other_pid = _start_gateway(other_url, children, folder, {**env, **other}, other_tree, other_python)
            redis_pid = next(child.pid for child in services.children if child.name.lower().startswith("redis"))
            yield Stack(
                gateway_url=gateway_url,
                simulator_url=simulator_url,
                gateway_pid=gateway_pid,
                redis_pid=redis_pid,
                redis_url=services.redis_url,
                other_url=other_url if other is not None else "",
                other_pid=other_pid,
                gateway_log=folder / f"gateway-{gateway_url.rpartition(':')[2]}.log",
                environment=own,
                store_pids=tuple(child.pid for child in services.children),
                gateway_seconds=gateway_seconds,
                **keys,
            )
        finally:
            for child in reversed(children):
                child.stop(seconds=5)
            services.stop()
