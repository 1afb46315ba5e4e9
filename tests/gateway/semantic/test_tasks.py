"""What the worker does on its clock, from the stream to the table and out again."""

from __future__ import annotations

import msgspec
from django.conf import settings
from django.utils import timezone
from django_redis import get_redis_connection

from gateway import tasks
from gateway.models import SemanticCheck, SemanticEntry, SemanticHit
from tenants import redis_keys
from tests.gateway.semantic.memory import Memory, as_bytes, at_angle


def test_every_task_of_the_clock_is_there():
    named = {entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()}
    of_the_cache = {"keep_answers", "note_hits", "check_hits", "tend_semantic_cache"}
    assert {f"gateway.tasks.{name}" for name in of_the_cache} <= named
    assert all(hasattr(tasks, name) for name in of_the_cache)


def test_an_answer_s_way_through_the_tasks(memory: Memory):
    memory.hand_over(memory.given("0", vector=as_bytes(at_angle(0))))
    assert tasks.keep_answers() >= 1  # others' tests may have left some
    (row,) = memory.rows()
    redis = get_redis_connection("default")
    redis.xadd(redis_keys.semantic_hits(memory.id), {"r": msgspec.msgpack.encode(memory.hit(row))})
    assert tasks.note_hits() >= 1
    assert SemanticHit.objects.filter(tenant=memory.tenant).count() == 1
    SemanticCheck.objects.filter(status="waiting").delete()
    assert tasks.check_hits() == 0
    SemanticEntry.objects.filter(tenant=memory.tenant).update(stale_until=timezone.now())
    assert tasks.tend_semantic_cache() >= 1
    assert memory.rows() == []
