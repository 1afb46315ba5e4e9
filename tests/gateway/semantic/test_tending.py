"""The semantic cache keeps within its bounds: what is past its end goes, then what was used longest ago."""

from __future__ import annotations

import time

import pytest
from django.utils import timezone

from gateway.models import SemanticHit
from gateway.semantic import tending
from gateway.semantic.tending import HITS_KEPT, Tended
from tests.gateway.semantic.memory import OTHER_SCOPE, Memory


def tend(memory: Memory) -> Tended:
    return tending.tend([memory.id], timezone.now())


def ago(seconds: float) -> int:
    return int((time.time() - seconds) * 1000)


def test_what_is_past_its_end_goes_and_what_is_past_its_time_stays(memory: Memory):
    memory.keep("fresh")
    memory.keep("stale", at_ms=ago(3700))
    memory.keep("ended", at_ms=ago(3600 + 86_400 + 1))
    assert tend(memory) == Tended(ended=1, evicted=0)
    assert memory.questions() == ["fresh", "stale"]


@pytest.fixture
def filled(memory: Memory) -> Memory:
    """Two hundred entries, the higher the number the older."""
    memory.hand_over(*(memory.given(f"{number:03}", at_ms=ago(10 + number)) for number in range(200)))
    memory.work_off()
    return memory


def test_a_full_scope_loses_what_was_used_longest_ago(filled: Memory, settings):
    used = next(row for row in filled.rows() if row.question == "199")
    filled.note(filled.hit(used))
    filled.keep("elsewhere", scope=OTHER_SCOPE, at_ms=ago(3000))
    settings.GATEWAY_SEMANTIC_SCOPE_ENTRIES = 100
    assert tend(filled) == Tended(ended=0, evicted=105)
    assert filled.questions() == [*(f"{number:03}" for number in range(94)), "199", "elsewhere"]
    assert tend(filled) == Tended(ended=0, evicted=0)


def test_a_full_tenant_loses_what_was_used_longest_ago(filled: Memory, neighbour: Memory, settings):
    neighbour.keep("0", at_ms=ago(3000))
    settings.GATEWAY_SEMANTIC_ENTRIES = 100
    assert tending.tend([filled.id, neighbour.id], timezone.now()).evicted == 105
    assert len(filled.rows()) == 95
    assert neighbour.questions() == ["0"]


def test_hits_are_forgotten_after_a_while(memory: Memory):
    memory.keep("0")
    (row,) = memory.rows()
    memory.note(memory.hit(row), memory.hit(row, at_ms=ago(HITS_KEPT.total_seconds() + 1)))
    tend(memory)
    assert SemanticHit.objects.filter(tenant=memory.tenant).count() == 1
