"""The nearest earlier question of the scope is found, with what its answer was; and nothing that is too far, too old or elsewhere."""

from __future__ import annotations

import json
import math
import time

import pytest
from django.utils import timezone

from gateway.caching import semantic
from gateway.models import SemanticEntry
from gateway.stores.nearest import FOUND, NONE
from gateway.types import Surface
from tests.gateway.semantic.memory import KIN, OTHER_SCOPE, SCOPE, Memory, asking, at_angle, whole


def test_the_nearest_comes_first_with_all_that_is_known_of_it(memory: Memory):
    memory.keep("3", "-10", "1", "80", answer="see page 4", model="gpt-4o", provider="up")
    search = memory.search(0.0, least=math.cos(math.radians(5)))
    assert search.outcome == FOUND
    assert [one.question for one in search.candidates] == ["1", "3", "-10"]
    assert [one.similarity for one in search.candidates] == pytest.approx(
        [math.cos(math.radians(degrees)) for degrees in (1, 3, 10)], abs=2e-3
    )
    assert [one.question for one in search.near()] == ["1", "3"]
    nearest = search.candidates[0]
    assert nearest.body == whole("see page 4")
    assert nearest.words is not None
    assert nearest.words.text == "see page 4"
    assert (nearest.surface, nearest.is_stream, nearest.model, nearest.provider) == (
        Surface.OPENAI,
        False,
        "gpt-4o",
        "up",
    )
    assert (nearest.input_tokens, nearest.output_tokens, nearest.cost_nanousd) == (12, 34, 5600)
    row = SemanticEntry.objects.get(tenant=memory.tenant, question="1")
    assert (nearest.entry_id, nearest.request_id, nearest.answered_at) == (row.id, row.request_id, row.answered_at)


def test_what_is_too_far_is_told_without_its_answer(memory: Memory):
    memory.keep("40")
    search = memory.search(0.0)
    assert search.outcome == NONE
    assert search.near() == ()
    (far,) = search.candidates
    assert (far.question, far.packed) == ("40", None)
    with pytest.raises(ValueError, match="not as near"):
        _ = far.body


def test_an_empty_scope_finds_nothing(memory: Memory):
    assert memory.search().outcome == NONE


def test_no_other_scope_is_looked_into(memory: Memory):
    memory.keep("0")
    assert memory.found(scope=OTHER_SCOPE) == []
    assert memory.found(scope=semantic.scope(SCOPE)) == []
    assert memory.found() == ["0"]


def test_a_scope_that_is_no_digest_is_refused(memory: Memory):
    with pytest.raises(ValueError, match="digest"):
        memory.search(scope=b"' OR true --")


def test_what_is_past_its_time_is_not_found(memory: Memory):
    memory.keep("0", at_ms=int((time.time() - 3601) * 1000))
    assert memory.found() == []


def test_a_caller_may_ask_for_fresher_ones(memory: Memory):
    memory.keep("0", at_ms=int((time.time() - 60) * 1000))
    assert memory.found(max_age_seconds=59) == []
    assert memory.found(max_age_seconds=120) == ["0"]


def test_past_its_time_it_stands_in_for_its_kin(memory: Memory):
    memory.keep("0", at_ms=int((time.time() - 3601) * 1000))
    memory.keep("2", at_ms=int((time.time() - 3601) * 1000), kin=b"")

    def stand_in(kin: bytes, least: float = 0.9) -> list[str]:
        search = asking(lambda store: store.stand_ins(memory.id, kin, at_angle(2), least=least, budget_seconds=10))
        return [one.question for one in search.near()]

    assert stand_in(KIN) == ["0"]
    assert stand_in(KIN, least=0.9999) == []
    assert stand_in(SCOPE) == []
    SemanticEntry.objects.filter(tenant=memory.tenant).update(stale_until=timezone.now())
    assert stand_in(KIN) == []


def test_vectors_of_several_lengths_live_side_by_side(memory: Memory):
    scopes = {length: semantic.scope(str(length)) for length in (3, 384, 1536, 3072)}
    for length, scope in scopes.items():
        vector = [1.0] + [0.0] * (length - 1)
        memory.keep(f"of {length}", scope=scope, vector=_bytes(vector))
    for length, scope in scopes.items():
        vector = [1.0] + [0.0] * (length - 1)
        search = asking(lambda store: store.nearest(memory.id, scope, vector, least=0.95, budget_seconds=10))  # noqa: B023
        assert [(one.question, round(one.similarity, 4)) for one in search.near()] == [(f"of {length}", 1.0)]


def test_a_stream_s_answer_is_read_as_well(memory: Memory):
    chunk = {"choices": [{"index": 0, "delta": {"content": "streamed"}, "finish_reason": "stop"}]}
    memory.keep("0", is_stream=True, body=b"data: " + json.dumps(chunk).encode() + b"\n\ndata: [DONE]\n\n")
    (found,) = memory.search().near()
    assert found.words is not None
    assert found.words.text == "streamed"


def _bytes(vector: list[float]) -> bytes:
    from gateway.stores.semantic import as_bytes

    return as_bytes(vector)
