"""`manage.py restart` on a whole Tollgate under steady load: every process is another one afterwards, no request failed, none was lost."""

from __future__ import annotations

import json
import shlex
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import psycopg

from config.embedded import layout as layouts
from simulator.client import SimulatorClient
from tests.config.embedded.processes import survivors, wait_until
from tests.config.test_up import PROJECT, Up, folder, start
from tests.ports import free_port

__all__ = ["folder", "start"]
CLIENTS = 6
PAUSE_SECONDS = 0.8  # the demo's key may be used 600 times in a minute
LEAST_EACH = 20
RENEWED = ("serve", "worker", "beat")


def test_a_restart_replaces_every_process_of_ours_and_fails_and_loses_nothing(
    start: Callable[..., Up], folder: Path
) -> None:
    up = start("--port", str(free_port()), "--workers", "2").until_ready()
    before = _ours(up)
    assert sorted(before.values()) == ["beat", "serve", "serve", "worker"]
    # Streams that last three seconds, so that there are always some when a process is told to stop.
    port = (folder / "var" / "run" / "simulator.port").read_text()
    SimulatorClient(f"http://127.0.0.1:{port}").behave(chunk_ms=50, output_tokens=60)
    stop = threading.Event()
    with ThreadPoolExecutor(CLIENTS) as pool:
        clients = [pool.submit(_ask_on, up, stop, is_stream=bool(number % 2)) for number in range(CLIENTS)]
        done = subprocess.run(
            [sys.executable, "manage.py", "restart"],
            cwd=PROJECT,
            env=up.environment,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        stop.set()
        ids = [request_id for client in clients for request_id in client.result()]
    assert (done.returncode, done.stderr, done.stdout) == (0, "", "All processes have been replaced.\n")
    after = _ours(up)
    assert sorted(after.values()) == sorted(before.values())
    assert not set(before) & set(after)
    assert survivors(before, seconds=0) == []
    assert len(ids) > 100
    with psycopg.connect(layouts.of(folder / "var").database_url, autocommit=True) as database:
        query = "SELECT request_id, outcome FROM gateway_requestlog WHERE request_id = ANY(%s)"
        found: list[Any] = []

        def all_are_there() -> bool:
            found[:] = database.execute(query, [ids]).fetchall()
            return len(found) >= len(ids)

        assert wait_until(all_are_there, seconds=30)
    assert len(found) == len({row[0] for row in found}) == len(set(ids))
    assert {row[1] for row in found} == {"ok"}
    assert up.finish(signal.SIGTERM) == 0


def _ours(up: Up) -> dict[int, str]:
    """The processes that run our code and are to be renewed, by pid."""
    children = psutil.Process(up.process.pid).children()
    return {child.pid: word for child in children for word in RENEWED if word in child.cmdline()}


def _ask_on(up: Up, stop: threading.Event, *, is_stream: bool) -> list[str]:
    """Ask again and again until told to stop, and some times at least, however quick the restart was; raises on any failure. Returns the
    requests' ids."""
    words = shlex.split(next(line for line in up.text().splitlines() if line.strip().startswith("curl ")))
    headers = dict(words[index + 1].split(": ", 1) for index, word in enumerate(words) if word == "-H")
    body = json.loads(words[words.index("-d") + 1]) | {"stream": is_stream}
    ids = []
    while not stop.is_set() or len(ids) < LEAST_EACH:
        request = urllib.request.Request(words[1], data=json.dumps(body).encode(), headers=headers)
        with urllib.request.urlopen(request, timeout=60) as response:
            content = response.read()
            assert not is_stream or b"data: [DONE]" in content
            ids.append(response.headers["x-request-id"].removeprefix("req_"))
        time.sleep(PAUSE_SECONDS)
    return ids
