"""Scopes keep apart what differs anywhere, and samples are the same wherever they are drawn."""

from __future__ import annotations

from uuid import UUID

import pytest

from gateway.caching import semantic
from tenants.ids import uuid7


def test_a_scope_is_the_same_for_the_same_parts_only():
    wanted = semantic.scope("task", "help", "be brief")
    assert wanted == semantic.scope("task", b"help", "be brief")
    assert len(wanted) == semantic.SCOPE_BYTES
    others = [
        ("task", "helpbe brief"),
        ("task", "help", "be brief", ""),
        ("taskhelp", "", "be brief"),
        ("help", "task", "be brief"),
    ]
    assert wanted not in {semantic.scope(*parts) for parts in others}


def test_a_lone_surrogate_has_a_scope_too():
    assert semantic.scope("\ud800") != semantic.scope("?")


@pytest.mark.parametrize("share", [0.0, 0.05, 0.5, 1.0])
def test_a_sample_has_about_its_share(share):
    ids = [UUID(int=uuid7(number).int) for number in range(4000)]
    sampled = sum(semantic.is_sampled(one, share) for one in ids)
    assert sampled == pytest.approx(share * 4000, abs=150)
    assert share not in (0.0, 1.0) or sampled == share * 4000


def test_a_smaller_sample_is_part_of_a_larger_one():
    ids = [uuid7() for _ in range(2000)]
    small = {one for one in ids if semantic.is_sampled(one, 0.05)}
    large = {one for one in ids if semantic.is_sampled(one, 0.2)}
    assert small < large


def test_who_is_sampled_never_changes():
    assert [semantic.is_sampled(UUID(int=number), 0.3) for number in range(12)] == [
        semantic.is_sampled(UUID(int=number), 0.3) for number in range(12)
    ]
