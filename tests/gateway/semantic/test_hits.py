"""Hits are counted once, and what people think of them is heard."""

from __future__ import annotations

import time

import msgspec
import pytest
from django.db import connection
from django_redis import get_redis_connection

from gateway import emptying
from gateway.caching.semantic import Asked
from gateway.models import SemanticCheck, SemanticEntry, SemanticHit, SemanticLabel
from gateway.semantic import hits
from gateway.stores import semantic as store
from tenants import redis_keys
from tenants.ids import uuid7
from tests.gateway.semantic.memory import Memory

ASKED = Asked(endpoint="chat.completions", key="k" * 64, question="0", content=b'{"secret":"4711"}', headers={})


@pytest.fixture
def entry(memory: Memory) -> SemanticEntry:
    memory.keep("0")
    (row,) = memory.rows()
    return row


def test_a_hit_is_counted_once_however_often_it_comes(memory: Memory, entry: SemanticEntry):
    first, second = memory.hit(entry, at_ms=1_700_000_000_000), memory.hit(entry, at_ms=1_600_000_000_000, score=0.8)
    assert memory.note(first, first, second) == 2
    assert memory.note(first) == 0
    (row,) = memory.rows()
    assert (row.hits, row.last_hit_at.timestamp()) == (2, 1_700_000_000)
    scores = SemanticHit.objects.filter(tenant=memory.tenant).order_by("at").values_list("similarity", "score", "task")
    assert list(scores) == [(0.97, 0.8, "help"), (0.97, None, "help")]
    assert get_redis_connection("default").xlen(redis_keys.semantic_hits(memory.id)) == 0


def test_what_cannot_be_read_holds_up_nobody(memory: Memory, entry: SemanticEntry):
    short = msgspec.structs.replace(memory.hit(entry), entry_id=b"short")
    assert memory.note(b"no record", msgspec.msgpack.encode(short), memory.hit(entry)) == 1


def test_a_hit_of_an_entry_that_is_gone_is_counted(memory: Memory, entry: SemanticEntry):
    hit = memory.hit(entry)
    entry.delete()
    assert memory.note(hit) == 1


def test_a_request_that_is_to_be_checked_is_never_in_the_clear(memory: Memory, entry: SemanticEntry):
    sealed = store.sealed(ASKED)
    assert "4711" not in sealed
    memory.note(memory.hit(entry, sealed=sealed, score=0.7), memory.hit(entry))
    (check,) = SemanticCheck.objects.filter(tenant=memory.tenant)
    assert (check.status, check.value, check.origin) == ("waiting", 0.7, entry.request_id)
    assert msgspec.json.decode(check.sealed, type=Asked) == ASKED
    with connection.cursor() as cursor:
        cursor.execute("SELECT sealed FROM gateway_semanticcheck WHERE id = %s", [check.id])
        (stored,) = cursor.fetchone()
    assert "4711" not in stored
    assert stored.startswith("gAAAA")  # Fernet


def test_a_request_that_no_key_opens_is_not_checked_but_counted(memory: Memory, entry: SemanticEntry):
    assert memory.note(memory.hit(entry, sealed="gAAAAno")) == 1
    assert not SemanticCheck.objects.filter(tenant=memory.tenant).exists()


def test_a_large_request_is_not_checked():
    large = msgspec.structs.replace(ASKED, content=b"x" * 300_000)
    assert store.sealed(large) == ""


def rate(memory: Memory, request_id, is_right: bool) -> bool:
    return hits.rate(get_redis_connection("default"), memory.id, request_id, is_right=is_right)


def test_a_thumb_down_takes_the_entry_out_at_once(memory: Memory, entry: SemanticEntry):
    request_id = uuid7()
    memory.note(memory.hit(entry, request_id=request_id, score=0.6))
    assert memory.found(0) == ["0"]
    assert rate(memory, request_id, is_right=False)
    assert memory.found(0) == []
    (label,) = SemanticLabel.objects.filter(tenant=memory.tenant)
    assert (label.request_id, label.task, label.similarity, label.score) == (request_id, "help", 0.97, 0.6)
    assert (label.is_right, label.source) == (False, "thumb")
    assert rate(memory, request_id, is_right=False)


def test_a_thumb_up_leaves_it_and_a_later_thumb_counts(memory: Memory, entry: SemanticEntry):
    request_id = uuid7()
    memory.note(memory.hit(entry, request_id=request_id))
    assert rate(memory, request_id, is_right=True)
    assert memory.found(0) == ["0"]
    assert rate(memory, request_id, is_right=False)
    assert list(SemanticLabel.objects.filter(tenant=memory.tenant).values_list("is_right", flat=True)) == [False]
    assert memory.found(0) == []


def test_a_thumb_that_is_quicker_than_the_worker_counts(memory: Memory, entry: SemanticEntry):
    request_id = uuid7()
    hit = memory.hit(entry, request_id=request_id)
    get_redis_connection("default").xadd(redis_keys.semantic_hits(memory.id), {"r": msgspec.msgpack.encode(hit)})
    assert rate(memory, request_id, is_right=False)
    assert memory.found(0) == []


def test_a_thumb_on_what_was_no_hit_is_none_of_ours(memory: Memory, entry: SemanticEntry):
    assert not rate(memory, uuid7(), is_right=False)
    assert memory.found(0) == ["0"]
    assert not SemanticLabel.objects.filter(tenant=memory.tenant).exists()


def test_waiting_names_those_who_have_some(memory: Memory, neighbour: Memory, entry: SemanticEntry):
    redis = get_redis_connection("default")
    redis.xadd(
        redis_keys.semantic_hits(memory.id),
        {"r": msgspec.msgpack.encode(memory.hit(entry, at_ms=int(time.time() * 1000)))},
    )
    assert emptying.waiting(redis, [neighbour.id, memory.id], redis_keys.semantic_hits) == [memory.id]
