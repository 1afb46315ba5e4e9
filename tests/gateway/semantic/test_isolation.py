"""No query shows a tenant's entry to another, whatever it forgets to say: at similarity 1.0, by the very same scope, in the very role."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from django.db import IntegrityError, ProgrammingError, connection, transaction
from django_redis import get_redis_connection

from gateway import runtime
from gateway.caching import semantic
from gateway.models import SemanticEntry
from gateway.semantic import entries, hits
from gateway.semantic.purges import Purge
from gateway.stores import nearest
from gateway.stores import semantic as store
from tenants import tenancy
from tenants.ids import uuid7
from tests.gateway.semantic.memory import EMBEDDER, KIN, SCOPE, Memory, asking, at_angle


@pytest.fixture
def mine(memory: Memory, neighbour: Memory) -> Memory:
    """The neighbour has the answer, under the same scope, kin and question."""
    neighbour.keep("0", answer="a secret of the neighbour's")
    return memory


def test_a_search_never_finds_a_neighbour_s_entry(mine: Memory, neighbour: Memory):
    assert neighbour.found(0, least=0.99) == ["0"]
    search = mine.search(0, least=0.0)
    assert search.candidates == ()
    stand_ins = asking(lambda store: store.stand_ins(mine.id, KIN, at_angle(0), least=0.0, budget_seconds=10))
    assert stand_ins.candidates == ()


# What a scope is made of, and something else in the place of each part.
PARTS = {
    "task": "help",
    "model": "gpt-4o",
    "system": "be brief",
    "tools": "[]",
    "parameters": '{"temperature":0}',
    "preceding": "[]",
    "format": "text",
    "end_user": "ann",
    "embedder": EMBEDDER,
    "version": "1",
}


@pytest.mark.parametrize("part", PARTS)
def test_whatever_differs_in_a_request_keeps_its_answer_to_itself(memory: Memory, part):
    memory.keep("0", scope=semantic.scope(*PARTS.values()))
    assert memory.found(0, scope=semantic.scope(*PARTS.values())) == ["0"]
    other = {**PARTS, part: PARTS[part] + "!"}
    assert memory.search(0, scope=semantic.scope(*other.values()), least=0.0).candidates == ()


FORGETFUL: dict[str, Callable[[str], str]] = {
    "the tenant": lambda statement: statement.replace("tenant_id = '{tenant}' AND ", ""),
    "the tenant and the scope": lambda statement: statement.replace("tenant_id = '{tenant}' AND {where}", "true"),
    "to name another tenant": lambda statement: statement.replace("tenant_id = '{tenant}'", "tenant_id <> '{tenant}'"),
}


@pytest.mark.parametrize("forgotten", FORGETFUL)
def test_a_search_that_forgets_its_predicate_sees_nobody_else(mine: Memory, neighbour: Memory, monkeypatch, forgotten):
    changed = FORGETFUL[forgotten](nearest.SEARCH)
    assert changed != nearest.SEARCH
    monkeypatch.setattr(nearest, "SEARCH", changed)
    assert mine.search(0, least=0.0).candidates == ()
    assert (forgotten == "to name another tenant") or neighbour.found(0) == ["0"]


def test_without_a_tenant_the_role_sees_nothing(mine: Memory):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL ROLE {tenancy.ROLE}")
        cursor.execute("SELECT count(*) FROM gateway_semanticentry")
        assert cursor.fetchone() == (0,)


def test_a_tenant_s_worker_cannot_write_to_a_neighbour(mine: Memory, neighbour: Memory):
    row = SemanticEntry.objects.get(tenant=neighbour.tenant)
    row.id = uuid7()
    with pytest.raises(ProgrammingError, match="row-level security"), tenancy.entered(mine.id):
        row.save(force_insert=True)
    with tenancy.entered(mine.id):
        assert SemanticEntry.objects.all().update(question="mine") == 0
        assert SemanticEntry.objects.all().delete()[0] == 0
    assert neighbour.questions() == ["0"]


def test_the_table_s_owner_is_bound_once_it_has_said_whom_it_is_about(mine: Memory, neighbour: Memory):
    """In production the service owns its tables and is no superuser."""
    mine.keep("1")

    def seen(cursor: Any) -> list[Any]:
        cursor.execute(
            "SELECT tenant_id FROM gateway_semanticentry WHERE tenant_id IN (%s, %s)", [mine.id, neighbour.id]
        )
        return sorted(row[0] for row in cursor.fetchall())

    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("CREATE ROLE tollgate_test_owner NOLOGIN")
        cursor.execute("GRANT ALL ON SCHEMA public TO tollgate_test_owner")
        cursor.execute("ALTER TABLE gateway_semanticentry OWNER TO tollgate_test_owner")
        cursor.execute("SET LOCAL ROLE tollgate_test_owner")
        assert seen(cursor) == sorted([mine.id, neighbour.id])
        cursor.execute("SELECT set_config('app.tenant_id', %s, true)", [str(mine.id)])
        assert seen(cursor) == [mine.id]
        cursor.execute("RESET ROLE")
        transaction.set_rollback(True)


def test_after_a_search_the_connection_knows_no_tenant(mine: Memory, neighbour: Memory):
    """What a pooled connection carried on would be the next request's."""

    async def twice() -> Any:
        running = runtime.current()
        searching = store.SemanticStore(
            running.redis, conninfo=runtime._conninfo(), most_connections=1, budget_seconds=10
        )
        found = await searching.nearest(neighbour.id, SCOPE, at_angle(0), least=0.9)
        assert searching._pool is not None
        async with searching._pool.connection() as same:
            cursor = await same.execute("SELECT current_user = session_user, current_setting('app.tenant_id', true)")
            left = await cursor.fetchone()
        await searching.close()
        await runtime.close()
        return found.outcome, left

    assert asyncio.run(twice()) == (nearest.FOUND, (True, ""))


def test_after_entering_a_tenant_a_transaction_goes_on_as_before(mine: Memory, neighbour: Memory):
    with transaction.atomic():
        with tenancy.entered(mine.id):
            assert SemanticEntry.objects.count() == 0
        assert neighbour.questions() == ["0"]
        with pytest.raises(IntegrityError), tenancy.entered(mine.id):
            raise IntegrityError
        assert neighbour.questions() == ["0"]


def test_nothing_that_takes_entries_out_reaches_a_neighbour(mine: Memory, neighbour: Memory):
    row = SemanticEntry.objects.get(tenant=neighbour.tenant)
    redis = get_redis_connection("default")
    assert not entries.evict(mine.id, row.id)
    assert entries.purge(redis, mine.id, Purge()) == 0
    request_id = uuid7()
    neighbour.note(neighbour.hit(row, request_id=request_id))
    assert not hits.rate(redis, mine.id, request_id, is_right=False)
    mine.note(mine.hit(row))  # a hit that claims another's entry
    assert [(one.question, one.hits) for one in neighbour.rows()] == [("0", 1)]
