"""GET /v1/cache and POST /v1/cache/purge: what the tenant's caches of answers hold, and having both forget."""

from __future__ import annotations

import datetime as dt
from functools import partial
from typing import Any
from uuid import UUID

import msgspec
from drf_spectacular.utils import extend_schema_view

from gateway import runtime, selectors
from gateway.api import rendering, schemas
from gateway.api.base import GatewayView
from gateway.api.lean import WholeResponse
from gateway.errors import InvalidRequest, NotFound
from gateway.pipeline.validator import MAX_END_USER, MAX_TAG
from gateway.semantic import entries, holdings
from gateway.semantic.holdings import Holdings
from gateway.stores import cache
from gateway.stores.cache import Purge
from gateway.types import CachePolicy, Snapshot

KINDS = ("all", "task", "key", "tag", "end_user")
ONE_OF = "Send exactly one of “all” (true), “task”, “key”, “tag” and “end_user”."


@extend_schema_view(get=schemas.cache)
class CacheView(GatewayView):
    """What the tenant's caches hold, what they were worth, and by which policies."""

    scope = "cache"

    async def get(self, snapshot: Snapshot, digest: str) -> WholeResponse:
        snapshot = await self.current(snapshot, digest)
        state, tenant_id = runtime.current(), snapshot.tenant_id
        found = await cache.stats(state.redis, tenant_id)
        semantic = await state.threads.once(("semantic", tenant_id), partial(holdings.found, tenant_id))
        caching = snapshot.caching
        of_tasks = caching.tasks if caching is not None else {}
        asked = found.hits + found.misses
        return WholeResponse.of(
            {
                "object": "cache",
                "entries": found.entries,
                "bytes": found.bytes,
                "max_bytes": caching.max_bytes if caching is not None else None,
                "oldest_at": _time(found.oldest),
                "counted_since": _time(found.since),
                "hits": found.hits,
                "misses": found.misses,
                "hit_share": round(found.hits / asked, 4) if asked else None,
                "saved_usd": rendering.dollars(found.saved_nanousd),
                "semantic": _semantic(semantic),
                "policies": [
                    _policy(None, caching.default if caching is not None else None),
                    *(_policy(task, policy) for task, policy in sorted(of_tasks.items())),
                ],
            }
        )


def _semantic(found: Holdings | None) -> dict[str, Any] | None:
    """None if PostgreSQL does not answer."""
    if found is None:
        return None
    return {
        "entries": found.entries,
        "oldest_at": _time(found.oldest),
        "hits": found.hits,
        "saved_usd": rendering.dollars(found.saved_nanousd),
    }


def _policy(task: str | None, policy: CachePolicy | None) -> dict[str, Any]:
    semantic = policy is not None and policy.semantic
    if policy is None or not policy.exact:
        return {"task": task, "exact": False, "semantic": semantic}
    return {
        "task": task,
        "exact": True,
        "semantic": semantic,
        "ttl_seconds": policy.ttl_seconds,
        "stale_seconds": policy.stale_seconds,
        "scope": "end_user" if policy.is_per_end_user else "tenant",
        "max_temperature": policy.max_temperature,
        "with_tools": policy.with_tools,
        "embeddings": policy.embeddings,
    }


class _Wish(msgspec.Struct, forbid_unknown_fields=True):
    all: bool | None = None
    task: str | None = None
    key: str | None = None
    tag: str | None = None
    end_user: str | None = None


_wishes = msgspec.json.Decoder(_Wish)


@extend_schema_view(post=schemas.purge_cache)
class PurgeView(GatewayView):
    """From now on no answer is given again that was asked for before."""

    scope = "cache"

    async def post(self, snapshot: Snapshot, digest: str) -> WholeResponse:
        snapshot = await self.current(snapshot, digest)
        what = await _what(self.request.body, snapshot)
        state = runtime.current()
        at = await cache.purge(state.redis, snapshot.tenant_id, what)
        forget = partial(entries.forget, snapshot.tenant_id, what.kind, what.subject)
        await state.threads.once(("purge", snapshot.tenant_id, what, at), forget)
        told = {what.kind: True if what.kind == "all" else what.subject}
        if what.kind == "key":
            told = {"key": str(UUID(what.subject))}
        return WholeResponse.of({"object": "cache.purge", "purged": told, "at": _time(at)})


async def _what(content: bytes, snapshot: Snapshot) -> Purge:
    """What is to be purged. Raises `InvalidRequest`, or `NotFound` for a task or key that the tenant has not."""
    try:
        wish = _wishes.decode(content)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidRequest(f"{ONE_OF} {error}") from error
    given = [name for name in KINDS if getattr(wish, name) is not None]
    if len(given) != 1 or wish.all is False:
        raise InvalidRequest(ONE_OF)
    (kind,) = given
    if kind == "all":
        return Purge("all")
    subject: str = getattr(wish, kind)
    if kind == "task":
        slug = subject.removeprefix("task/")
        if slug not in snapshot.tasks:
            raise NotFound(f"There is no task “{slug}”.", param="task", code="task_not_found")
        return Purge("task", slug)
    if kind == "key":
        return Purge("key", (await _key(subject, snapshot)).hex)
    if kind == "end_user":
        end_user = subject.strip()
        if not end_user or len(end_user) > MAX_END_USER or not end_user.isprintable():
            raise InvalidRequest(f"An end user has 1 to {MAX_END_USER} printable characters.", param="end_user")
        return Purge("end_user", end_user)
    tag = subject.strip()
    if not tag or len(tag) > MAX_TAG or not tag.isprintable():
        raise InvalidRequest(f"A tag has 1 to {MAX_TAG} printable characters.", param="tag")
    return Purge("tag", tag)


async def _key(text: str, snapshot: Snapshot) -> UUID:
    """The tenant's key of that id, revoked ones included: what those have asked is what one wants forgotten most."""
    missing = NotFound(
        "There is no such key. GET /v1/usage?group_by=key has the ids.", param="key", code="key_not_found"
    )
    try:
        key_id = UUID(text)
    except ValueError:
        raise missing from None
    if all(key.id != key_id for key in snapshot.keys.values()):
        read = partial(selectors.has_key, snapshot.tenant_id, key_id)
        if not await runtime.current().threads.once(("key", snapshot.tenant_id, key_id), read):
            raise missing
    return key_id


def _time(at: dt.datetime | None) -> str | None:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z") if at is not None else None
