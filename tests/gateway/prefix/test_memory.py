"""The memory of prefixes: its bounds, and what time does to it."""

from __future__ import annotations

from uuid import UUID

from gateway.prefix import memory as memories
from gateway.prefix.memory import PrefixMemory


def test_a_tenant_s_prefixes_are_bounded_and_the_oldest_go(monkeypatch):
    monkeypatch.setattr(memories, "MOST_PREFIXES", 3)
    memory = PrefixMemory()
    tenant = memory.tenant(UUID(int=1))
    for key in (1, 2, 3, 1, 4):
        memory.arrive(tenant, key, float(key))
    assert list(tenant.prefixes) == [3, 1, 4]
    assert len(memory) == 3


def test_all_prefixes_together_are_bounded_and_who_was_away_longest_forgets_first(monkeypatch):
    monkeypatch.setattr(memories, "MOST_PREFIXES_IN_ALL", 4)
    memory = PrefixMemory()
    for number, keys in ((1, (1, 2)), (2, (3, 4)), (1, (5, 6))):
        tenant = memory.tenant(UUID(int=number))
        for key in keys:
            memory.arrive(tenant, key, 0.0)
    assert len(memory) == 4
    assert (len(memory.tenant(UUID(int=1)).prefixes), len(memory.tenant(UUID(int=2)).prefixes)) == (4, 0)


def test_tenants_and_what_is_waited_for_are_bounded(monkeypatch):
    monkeypatch.setattr(memories, "MOST_TENANTS", 2)
    monkeypatch.setattr(memories, "MOST_TRIALS", 5)
    memory = PrefixMemory()
    for number in range(4):
        tenant = memory.tenant(UUID(int=number))
        for key in range(3):
            memory.arrive(tenant, key, 0.0)
    assert len(memory) == 6
    memory.pass_time(20.0)
    assert tenant.new.waited[0] == 3  # the newest five are still decided, three of them this tenant's


def test_groups_of_a_tenant_are_bounded(monkeypatch):
    monkeypatch.setattr(memories, "MOST_GROUPS", 2)
    tenant = PrefixMemory().tenant(UUID(int=1))
    for head in (1, 2, 1, 3):
        tenant.group(head)
    assert list(tenant.groups) == [1, 3]


def test_what_never_comes_back_is_decided_span_by_span():
    memory = PrefixMemory()
    tenant = memory.tenant(UUID(int=1))
    for key in range(10):
        memory.arrive(tenant, key, 0.0)
    decided = []
    for now in (14.0, 16.0, 61.0, 301.0, 1801.0, 3601.0, 9999.0):
        memory.pass_time(now)
        decided.append(tenant.new.waited[:])
    assert decided == [[10.0] * done + [0.0] * (5 - done) for done in (0, 1, 2, 3, 4, 5, 5)]
    assert tenant.new.came == [0.0] * 5
