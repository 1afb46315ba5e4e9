"""What was kept for the day when no model can answer is found after the move."""

from __future__ import annotations

import datetime as dt
import hashlib
from importlib import import_module
from types import SimpleNamespace
from typing import Any

from django.utils import timezone

from gateway.caching import semantic
from gateway.models import SemanticEntry
from tests.gateway.semantic.memory import Memory, asking, at_angle

INSTRUCTIONS = hashlib.sha256(b"").hexdigest()


def test_an_earlier_answer_stands_in_until_its_day_and_is_never_fresh(memory: Memory):
    answered_at = timezone.now() - dt.timedelta(days=2)
    earlier = SimpleNamespace(
        id=memory.id,
        tenant_id=memory.id,
        task="help",
        instructions=INSTRUCTIONS,
        question_sha256=hashlib.sha256(b"a question").hexdigest(),
        embedder="minilm-l6-v2",
        embedding=at_angle(0),
        answer="Click on “Forgot”.",
        model="gpt-4o",
        provider="openai",
        answered_at=answered_at,
    )
    tables = {
        "SemanticEntry": SemanticEntry,
        "EarlierAnswer": SimpleNamespace(objects=SimpleNamespace(iterator=lambda _: iter([earlier]))),
    }
    apps: Any = SimpleNamespace(get_model=lambda _, name: tables[name])
    import_module("gateway.migrations.0018_semantic_cache").move_earlier_answers(apps, None)

    kin = semantic.scope("task", "help", INSTRUCTIONS, "minilm-l6-v2")  # as the last resort asks
    search = asking(lambda store: store.stand_ins(memory.id, kin, at_angle(1), least=0.9, budget_seconds=10))
    (found,) = search.near()
    assert found.words is not None
    assert (found.words.text, found.model, found.answered_at) == ("Click on “Forgot”.", "gpt-4o", answered_at)
    assert memory.search(0, scope=kin, least=0.0).candidates == ()
    (row,) = memory.rows()
    assert row.stale_until == answered_at + dt.timedelta(days=30)
