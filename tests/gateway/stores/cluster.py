"""A Redis Cluster of three nodes, for tests: processes of our own on free ports of 127.0.0.1."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path

import redis

from config.embedded import process
from config.embedded.redis import _executable
from tests.gateway.live import wait_until

NODES, SLOTS = 3, 16_384
BUS = 10_000  # a node's second port is that much higher


def _free_port() -> int:
    """One whose bus port is free, too."""
    while True:
        with socket.socket() as listener, socket.socket() as bus:
            listener.bind(("127.0.0.1", 0))
            port: int = listener.getsockname()[1]
            if port + BUS > 65_535:
                continue
            with contextlib.suppress(OSError):
                bus.bind(("127.0.0.1", port + BUS))
                return port


@contextlib.contextmanager
def running(folder: Path) -> Iterator[str]:
    """Its URL, once every node finds the cluster whole."""
    with contextlib.ExitStack() as stack:
        clients = []
        for number in range(NODES):
            home = folder / f"node-{number}"
            home.mkdir()
            clients.append(_node(stack, home))
        for number, client in enumerate(clients):
            client.execute_command("CLUSTER ADDSLOTS", *range(number, SLOTS, NODES))
            client.execute_command("CLUSTER MEET", "127.0.0.1", _port(clients[0]))
        wait_until(lambda: all(_is_whole(client) for client in clients))
        yield f"redis+cluster://127.0.0.1:{_port(clients[0])}"


def _node(stack: contextlib.ExitStack, home: Path) -> redis.Redis:
    """One that answers. Somebody may have taken its port meanwhile: then another one is tried."""
    for _ in range(5):
        port = _free_port()
        options = {
            "port": port,
            "bind": "127.0.0.1",
            "dir": home,
            "cluster-enabled": "yes",
            "save": "",
            "appendonly": "no",
        }
        command: list[str | Path] = [_executable()]
        for name, value in options.items():
            command += [f"--{name}", str(value)]
        child = process.start("Redis", command, log=home / "log")
        stack.callback(child.stop, seconds=5)
        client = redis.Redis(port=port)
        stack.callback(client.close)
        wait_until(lambda child=child, client=client: child.has_ended() or _answers(client))
        if not child.has_ended():
            return client
    raise child.failure("Redis does not start")


def _port(client: redis.Redis) -> int:
    port: int = client.connection_pool.connection_kwargs["port"]
    return port


def _answers(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.RedisError:
        return False


def _is_whole(client: redis.Redis) -> bool:
    info = client.execute_command("CLUSTER INFO")
    text = info.decode() if isinstance(info, bytes) else str(info)
    return ("cluster_state:ok" in text or "'cluster_state': 'ok'" in text) and len(
        client.execute_command("CLUSTER NODES")
    ) >= NODES
