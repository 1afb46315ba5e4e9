"""Large scopes get an index of their own, which finds the nearest; and lose it when they have shrunk."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.db import connection, transaction

from gateway.caching import semantic
from gateway.models import SemanticEntry
from gateway.semantic import indexes
from gateway.semantic.indexes import FROM_ENTRIES, UNTIL_ENTRIES, Scope, plan
from gateway.stores import nearest
from tests.gateway.semantic.memory import OTHER_SCOPE, SCOPE, Memory, as_bytes

LENGTH = 16


def scope(entries: int) -> Scope:
    return Scope(uuid4(), semantic.scope(uuid4().hex), entries)


def test_scopes_get_one_when_they_have_grown_and_lose_it_when_they_have_shrunk():
    growing, grown, shrinking = scope(FROM_ENTRIES - 1), scope(FROM_ENTRIES), scope(UNTIL_ENTRIES)
    largest = scope(FROM_ENTRIES * 9)
    wanted = plan([growing, grown, shrinking, largest], {shrinking.name: True, "semantic_near_of_somebody_gone": True})
    assert wanted.make == [largest, grown]
    assert wanted.drop == ["semantic_near_of_somebody_gone"]


def test_what_was_broken_off_is_dropped_and_made_again():
    half = scope(FROM_ENTRIES)
    assert plan([half], {half.name: False}) == ([half], [half.name])


def test_there_are_never_more_than_so_many_and_the_largest_have_them(monkeypatch):
    monkeypatch.setattr(indexes, "MOST_INDEXES", 2)
    small, middle, large = scope(FROM_ENTRIES), scope(FROM_ENTRIES * 2), scope(FROM_ENTRIES * 3)
    assert plan([small, middle, large], {small.name: True}) == ([large, middle], [small.name])


def test_tenants_never_share_one():
    one = scope(1)
    assert one.name != Scope(uuid4(), one.scope, 1).name
    assert len(one.name) < 63


@pytest.fixture
def grown(memory: Memory) -> Memory:
    """A scope of 400 entries, each in a direction of its own, and another with a few."""
    for number in range(400):
        memory.hand_over(memory.given(f"{number}", vector=as_bytes(direction(number))))
    memory.hand_over(
        *(memory.given(f"{number}", scope=OTHER_SCOPE, vector=as_bytes(direction(number))) for number in range(5))
    )
    memory.work_off()
    return memory


def direction(number: int) -> list[float]:
    return [1.0 + 9.0 * (number >> place & 1) for place in range(LENGTH)]


def names(memory: Memory) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT indexname FROM pg_indexes WHERE tablename = 'gateway_semanticentry' AND indexdef LIKE %s",
            [f"%{memory.id}%"],
        )
        return [row[0] for row in cursor.fetchall()]


def test_an_index_is_made_serves_the_search_and_goes(grown: Memory):
    large = Scope(grown.id, SCOPE, FROM_ENTRIES)
    assert indexes.tend([large]) == 0
    assert names(grown) == [large.name]
    assert indexes.tend([large]) == 0  # nothing left to do

    statement = nearest.statement(
        grown.id, f"scope = '{nearest.literal(SCOPE)}' AND expires_at > now()", direction(77), 0.9, 3, 10.0
    ).decode()
    with transaction.atomic(), connection.cursor() as cursor:
        settings, search = statement.split("; ", 1)
        cursor.execute(settings)
        cursor.execute("SET LOCAL enable_sort = off")  # 400 rows are as quickly compared, one by one
        cursor.execute(f"EXPLAIN {search}")
        explained = "\n".join(row[0] for row in cursor.fetchall())
    assert f"Index Scan using {large.name}" in explained

    def found(number: int, scope: bytes = SCOPE) -> list[str]:
        from tests.gateway.semantic.memory import asking

        search = asking(
            lambda store: store.nearest(grown.id, scope, direction(number), least=0.9999, budget_seconds=10)
        )
        return [one.question for one in search.near()]

    assert found(77) == ["77"]
    assert found(3, OTHER_SCOPE) == ["3"]
    assert found(77, OTHER_SCOPE) == []
    SemanticEntry.objects.filter(tenant=grown.tenant, question="77").delete()
    assert found(77) == []
    indexes.tend([])
    assert names(grown) == []
    assert found(78) == ["78"]


def test_a_scope_that_has_emptied_meanwhile_gets_none(memory: Memory):
    assert indexes.tend([Scope(memory.id, SCOPE, FROM_ENTRIES)]) == 0
    assert names(memory) == []


def test_one_worker_at_a_time(grown: Memory):
    large = Scope(grown.id, SCOPE, FROM_ENTRIES)
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s)", [indexes._LOCK])
        assert indexes.tend([large]) == 0
        assert names(grown) == []
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [indexes._LOCK])
    finally:
        other.close()
    indexes.tend([large])
    assert names(grown) == [large.name]
    indexes.tend([])
