"""The tenants' counters in Redis: what is asked of the scripts, and what they answer. No policy; `scripts/reserve.lua` has the contract.

Every call is one atomic step and raises `StoreUnavailable` where Redis cannot be reached (then it may or may not have been done; done
again it has no second effect).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Coroutine
from functools import lru_cache
from typing import Any
from uuid import UUID

import msgspec

from billing import limits
from gateway.stores.lookups import FLIGHT_LEASE_MS, Lookup
from gateway.stores.redis import RedisStore, Script
from tenants import redis_keys

RESERVE = Script("ring", "run", "entries", "reserve")
SETTLE = Script("ring", "run", "entries", "settle")
OPEN = Script("run", "open")
IS_OPEN = Script("run", "is_open")
HELD = Script("held")
_RESTORE = Script("ring", "run", "restore")
_RENEW = Script("run", "renew")

METRICS = {limits.REQUESTS: 1, limits.TOKENS: 2, limits.USD: 3}
TENANT_HASH, USER_HASH = 1, 2
UNLIMITED = -1


class CounterLine(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A counter to check and hold in. `amount` -1: only count. `mark`: usage from which the plan has to change, 0 for none.

    `verified_from_ms`: the limit was made or changed in this window, so the counter must have been compared with the ledger since; or 0.
    `model`: whose calls it counts, by place in the plan from 1 on; 0: the whole request's.
    """

    hash: int
    field: str
    metric: int
    amount: int
    window_start_ms: int
    verified_from_ms: int
    mark: int
    model: int = 0


class RingLine(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A subject's last minute; a limit of 0 does not limit."""

    hash: int
    field: str
    requests: int
    tokens: int


class SlotLine(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A subject's requests under way."""

    hash: int
    field: str
    amount: int


class Demand(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """What a request asks of its limits. Tokens, nano-dollars, pico-dollars per token."""

    lease_ms: int
    end_user: str
    tier: str
    input_tokens: int
    output_wanted: int
    output_least: int
    choices: int
    input_nanousd: int
    output_pico: int
    counters: list[CounterLine]
    rings: list[RingLine]
    slots: list[SlotLine]
    fingerprint: str
    user_seconds: int
    models: int = 1
    is_light: bool = False  # its answer is in hand: one request of no tokens and no cost


class Hold(msgspec.Struct):
    """A reservation of this process: enough to settle it, to prolong it, and to put it back after Redis has lost it."""

    tenant_id: UUID
    request_id: str
    end_user: str
    idempotency: str
    demand: bytes
    record: bytes
    output_cap: int
    epoch: str
    reserved_at: float


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Demand)


def encode(demand: Demand) -> bytes:
    return _encoder.encode(demand)


def decode(data: bytes) -> Demand:
    return _decoder.decode(data)


def without(demand: Demand, models: Collection[int]) -> Demand:
    """The demand less what counts these models of the plan: the script has left them out."""
    return msgspec.structs.replace(demand, counters=[line for line in demand.counters if line.model not in models])


def light(demand: Demand) -> Demand:
    """The demand as the script holds it for a request that was given a cached answer: one request, in what counts no model."""
    if demand.is_light and not demand.slots and not any(line.model for line in demand.counters):
        return demand
    return msgspec.structs.replace(
        demand,
        input_tokens=0,
        output_wanted=0,
        output_least=0,
        input_nanousd=0,
        output_pico=0,
        counters=[line for line in demand.counters if not line.model],
        slots=[],
    )


def encode_by_model(used: list[tuple[int, int, int]]) -> bytes:
    """(requests, tokens, nano-dollars) of each model of a plan, for a settlement."""
    return _encoder.encode(used)


@lru_cache(maxsize=8192)
def _reserve_keys(tenant_id: UUID) -> tuple[str, str, str, str, str, str]:
    return (
        redis_keys.config_version(tenant_id),
        redis_keys.counters(tenant_id),
        redis_keys.holds(tenant_id),
        redis_keys.leases(tenant_id),
        redis_keys.tiers(tenant_id),
        redis_keys.cached(tenant_id),
    )


async def reserve(
    redis: RedisStore,
    hold: Hold,
    version: int,
    lookup: Lookup | None = None,
    *,
    meanwhile: Callable[[], None] | None = None,
) -> list[Any]:
    """The script's verdict. `meanwhile` is called while Redis is at it, if this process has nothing else under way there."""
    tenant_id, end_user = hold.tenant_id, hold.end_user
    version_key, own, holds, leases, tiers, cached = _reserve_keys(tenant_id)
    user = redis_keys.user_counters(tenant_id, end_user) if end_user else own
    keys = [version_key, own, holds, leases, user, tiers]
    arguments: list[Any] = [version, hold.request_id, hold.demand, hold.record]
    if lookup is not None:
        keys += cached, redis_keys.flight(tenant_id, lookup.digest)
        arguments += lookup.digest, lookup.may(), lookup.max_age_ms, FLIGHT_LEASE_MS
    if hold.idempotency:
        keys.append(hold.idempotency)
    has_time = meanwhile is not None and redis.is_idle
    reply = redis.start(RESERVE, keys, arguments)
    if has_time:
        meanwhile()  # type: ignore[misc]
    verdict: list[Any] = await reply
    return verdict


@lru_cache(maxsize=8192)
def _settle_keys(tenant_id: str) -> tuple[str, str, str, str, str, str]:
    return (
        redis_keys.usage_stream(tenant_id),
        redis_keys.counters(tenant_id),
        redis_keys.holds(tenant_id),
        redis_keys.leases(tenant_id),
        redis_keys.swept(tenant_id),
        redis_keys.content_stream(tenant_id),
    )


class Settlement(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """Everything the settle script is called with; what the spool keeps while Redis is away. `content`: what is stored of the request's
    prompt and answer; empty: nothing."""

    tenant_id: str
    end_user: str
    idempotency: str
    request_id: str
    mode: str
    requests: int
    tokens: int
    nanousd: int
    epoch: str
    demand: bytes
    answer: bytes
    records: tuple[bytes, ...]
    by_model: bytes = b""
    digest: str = ""
    cache: bytes = b""
    entry: bytes = b""
    content: bytes = b""

    def without_cache(self, *, is_demand_kept: bool = True) -> Settlement:
        """The same, leaving the cache alone: by the time it is repeated, nobody waits for an answer, and there is room for a new one."""
        if is_demand_kept:
            return msgspec.structs.replace(self, digest="", cache=b"", entry=b"") if self.digest else self
        return msgspec.structs.replace(self, digest="", cache=b"", entry=b"", demand=b"")

    def keys(self) -> list[str]:
        usage, own, holds, leases, swept, content = _settle_keys(self.tenant_id)
        user = redis_keys.user_counters(self.tenant_id, self.end_user) if self.end_user else own
        keys = [usage, own, holds, leases, user, swept, content]
        if self.digest:
            keys += [
                redis_keys.cached(self.tenant_id),
                redis_keys.cached_by_age(self.tenant_id),
                redis_keys.flight(self.tenant_id, self.digest),
            ]
        if self.idempotency:
            keys.append(self.idempotency)
        return keys

    def arguments(self) -> list[Any]:
        return [
            self.request_id,
            self.mode,
            self.requests,
            self.tokens,
            self.nanousd,
            self.epoch,
            self.demand,
            self.answer,
            self.by_model,
            self.digest,
            self.cache,
            self.entry,
            self.content,
            *self.records,
        ]


def release(hold: Hold) -> Settlement:
    """Gives back what was held, and charges and records nothing."""
    return Settlement(
        tenant_id=str(hold.tenant_id),
        end_user=hold.end_user,
        idempotency="",
        request_id=hold.request_id,
        mode="settle",
        requests=0,
        tokens=0,
        nanousd=0,
        epoch=hold.epoch,
        demand=hold.demand,
        answer=b"",
        records=(),
    )


async def settle(redis: RedisStore, settlement: Settlement) -> str:
    """'ok', 'corrected' (it had been swept), 'again' (it was settled before) or 'alive' (its lease is not over)."""
    outcome: bytes = await start_settling(redis, settlement)
    return outcome.decode()


def start_settling(redis: RedisStore, settlement: Settlement) -> Coroutine[Any, Any, bytes]:
    """As `settle`, sent off already; to be awaited once."""
    return redis.start(SETTLE, settlement.keys(), settlement.arguments())


async def renew(redis: RedisStore, tenant_id: UUID, request_ids: list[str], lease_ms: int) -> tuple[str, list[str]]:
    """Prolong leases; returns the epoch ('' if the counters are lost or may have lost something) and the requests whose holds are gone."""
    keys = [redis_keys.counters(tenant_id), redis_keys.leases(tenant_id)]
    epoch, gone = await redis.run(_RENEW, keys, [lease_ms, *request_ids])
    return epoch.decode(), [item.decode() for item in gone]


async def restore(redis: RedisStore, hold: Hold, epoch: str) -> None:
    """Put a hold back that was lost with Redis's data. Idempotent."""
    own = redis_keys.counters(hold.tenant_id)
    user = redis_keys.user_counters(hold.tenant_id, hold.end_user) if hold.end_user else own
    keys = [own, redis_keys.holds(hold.tenant_id), redis_keys.leases(hold.tenant_id), user]
    await redis.run(_RESTORE, keys, [hold.request_id, hold.demand, hold.output_cap, epoch, hold.record])
