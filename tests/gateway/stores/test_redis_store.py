"""Commands that leave together: whatever goes wrong, nobody is left waiting."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from django.conf import settings
from redis.asyncio.client import Pipeline

from gateway.errors import StoreUnavailable
from gateway.stores.redis import RedisStore


@pytest.mark.parametrize("error", [ConnectionResetError("gone"), RuntimeError("the handler is closed")], ids=repr)
async def test_a_batch_that_fails_in_any_way_fails_everybody_in_it(monkeypatch, error):
    async def fails(*_: Any, **__: Any) -> None:
        raise error

    store = RedisStore(settings.REDIS_URL, timeout_seconds=2.0)
    with monkeypatch.context() as broken:
        broken.setattr(Pipeline, "execute", fails)
        async with asyncio.timeout(5):
            found = await asyncio.gather(store.call("PING"), store.call("PING"), return_exceptions=True)
    assert [type(item) for item in found] == [StoreUnavailable] * 2
    assert await store.call("PING") in {b"PONG", True}
    await store.close()


async def test_an_error_reply_reaches_only_who_asked():
    store = RedisStore(settings.REDIS_URL, timeout_seconds=2.0)
    wrong, right = await asyncio.gather(store.call("GET"), store.call("ECHO", "a"), return_exceptions=True)
    assert "wrong number of arguments" in str(wrong)
    assert right == b"a"
    await store.close()
