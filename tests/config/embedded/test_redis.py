from __future__ import annotations

import os
import shutil
import signal
import stat
from pathlib import Path

import pytest
import redis as client_library
from celery import Celery
from kombu import Connection

from config.embedded import layout as layouts
from config.embedded import redis
from config.embedded.layout import Layout
from tests.gateway.live import wait_until


def test_it_listens_on_a_private_socket_only(layout: Layout) -> None:
    server = redis.start(layout, durable=False)
    with _client(layout) as client:
        assert client.config_get("port") == {"port": "0"}
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
    assert stat.S_IMODE(layout.redis_socket_folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(layout.redis_data.stat().st_mode) == 0o700
    server.stop(seconds=10)
    assert server.exit_status == 0


def test_data_survives_a_killed_server(layout: Layout) -> None:
    server = redis.start(layout, durable=True)
    with _client(layout) as client:
        client.set("spent", 41)
        client.incr("spent")
        wait_until(lambda: _is_written(client))
    os.kill(server.pid, signal.SIGKILL)
    assert server.wait(30)

    server = redis.start(layout, durable=True)
    with _client(layout) as client:
        assert client.get("spent") == "42"
    server.stop(seconds=10)


@pytest.mark.parametrize("damage", [b"*3\r\n$3\r\nSET\r\n$1\r\na", b"\x00garbage\xff\r\n" * 5], ids=["cut", "garbage"])
def test_a_damaged_end_of_the_append_only_file_does_not_keep_it_from_starting(layout: Layout, damage: bytes) -> None:
    server = redis.start(layout, durable=True)
    with _client(layout) as client:
        client.set("spent", 42)
    server.stop(seconds=10)
    with (layout.redis_data / redis.AOF_NAME).open("ab") as file:
        file.write(damage)

    server = redis.start(layout, durable=True)
    with _client(layout) as client:
        assert client.get("spent") == "42"
        client.set("spent", 43)
    server.stop(seconds=10)

    server = redis.start(layout, durable=True)
    with _client(layout) as client:
        assert client.get("spent") == "43"
    server.stop(seconds=10)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs Redis as another user")
def test_data_of_an_ordinary_user_stays_that_users_when_root_starts_it(layout: Layout) -> None:
    layout.redis_data.mkdir(0o700)
    os.chown(layout.redis_data, 54321, 54321)
    server = redis.start(layout, durable=True)
    assert os.stat(f"/proc/{server.pid}").st_uid == 54321
    with _client(layout) as client:
        client.set("spent", 42)
    assert (layout.redis_data / redis.AOF_NAME).stat().st_uid == 54321
    server.stop(seconds=10)


@pytest.mark.parametrize("name", ["var", "a folder", "long/" * 30])
def test_celery_works_over_its_socket(folder: Path, name: str) -> None:
    layout = layouts.of(folder / name)
    layout.prepare()
    server = redis.start(layout, durable=False)
    url = redis.broker_url(layout.redis_url)
    with Connection(url) as connection, connection.SimpleQueue("letters") as queue:
        queue.put({"hello": "world"})
        message = queue.get(timeout=30)
        assert message.payload == {"hello": "world"}
        message.ack()

    app = Celery(broker=url, backend=url)
    result = app.send_task("never.run")
    app.backend.store_result(result.id, 42, "SUCCESS")
    assert result.get(timeout=30) == 42
    app.close()
    server.stop(seconds=10)
    shutil.rmtree(layout.redis_socket_folder)


@pytest.mark.parametrize(
    ("ours", "celerys"),
    [
        ("unix:///run/redis.sock?db=0", "redis+socket:///run/redis.sock?virtual_host=0"),
        ("unix:///a%20b/redis.sock?db=3", "redis+socket:///a%20b/redis.sock?virtual_host=3"),
        ("unix:///run/redis.sock", "redis+socket:///run/redis.sock?virtual_host=0"),
        ("redis://:secret@cache:6379/1", "redis://:secret@cache:6379/1"),
        ("rediss://cache/1?ssl_cert_reqs=required", "rediss://cache/1?ssl_cert_reqs=required"),
    ],
)
def test_a_url_is_spelt_as_celery_wants_it(ours: str, celerys: str) -> None:
    assert redis.broker_url(ours) == celerys


def _is_written(client: client_library.Redis) -> bool:
    """Whether the append-only file has everything: its writing waits for a sync that is under way, for up to 2 s."""
    found = client.info("persistence")
    return found["aof_buffer_length"] == 0 == found["aof_pending_bio_fsync"]


def _client(layout: Layout) -> client_library.Redis:
    return client_library.Redis.from_url(layout.redis_url, decode_responses=True)
