"""Commands are packed as redis-py packs them."""

from __future__ import annotations

from typing import Any

import pytest
from redis.asyncio.connection import Connection, UnixDomainSocketConnection

from gateway.stores.packing import with_packing

COMMANDS: list[tuple[Any, ...]] = [
    ("PING",),
    ("EVALSHA", "a" * 40, 2, "key", "schlüssel", b"\x00\xff\r\n", -5, 2**62, ""),
    ("SET", "k", b"x" * 100_000, "PX", 5),
    ("SET", "k", 1.5),
    ("CLUSTER ADDSLOTS", 1, 2),
    (b"GET", "k"),
    ("SET", "k", memoryview(b"abc")),
]


@pytest.mark.parametrize("kind", [Connection, UnixDomainSocketConnection])
def test_as_redis_py_does(kind: Any):
    own, theirs = with_packing(kind)(), kind()
    assert b"".join(own.pack_commands(COMMANDS)) == b"".join(map(bytes, theirs.pack_commands(COMMANDS)))


def test_what_redis_py_refuses_is_refused():
    with pytest.raises(Exception, match="Invalid input"):
        with_packing(Connection)().pack_commands([("SET", "k", True)])
