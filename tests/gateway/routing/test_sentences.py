"""Rules in words."""

from __future__ import annotations

import pytest

from gateway.routing import sentences
from gateway.routing.conditions import BudgetShare, InputTokens, Metadata, Models, Needs, Tags, Tasks, Tiers
from gateway.types import Choice

FREE = (Tasks(frozenset({"summarise"})), Tiers(frozenset({"free"})), InputTokens(4000, None))


@pytest.mark.parametrize(
    ("conditions", "choice", "names", "weights", "text"),
    [
        (
            FREE,
            Choice("cheapest", quality_floor=60),
            ["gpt-4o-mini", "claude-haiku"],
            (),
            "If task/summarise and tier free and 4,000 tokens or more → cheapest of gpt-4o-mini, claude-haiku (quality ≥ 60)",
        ),
        ((), Choice(), ["a", "b"], (), "For every request → a, then b"),
        ((Models.of(["gpt-3.5*", "o1"]),), Choice(), ["a"], (), "If gpt-3.5* or o1 → a"),
        ((Tags(frozenset({"x", "y"})),), Choice("weighted"), ["a", "b"], (9, 1), "If tag x or y → 90 % a, 10 % b"),
        (
            (Needs(frozenset({"tools", "vision"})),),
            Choice("fastest", max_cost_nanousd=10_000_000),
            ["a", "b"],
            (),
            "If needs images and tools → fastest of a, b (at most $0.01000)",
        ),
        (
            (Metadata((("plan", "pro"),)),),
            Choice("cascade"),
            ["a", "b"],
            (),
            "If metadata plan = pro → a, if good enough (at most 5 % wrong), else b",
        ),
        ((BudgetShare("Month", 80),), Choice(), [], (), "If 80 % of the budget “Month” used → nothing: add a target"),
    ],
)
def test_reads_as_a_sentence(conditions, choice, names, weights, text):
    assert sentences.rule(conditions, choice, names, weights) == text
