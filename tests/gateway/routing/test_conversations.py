"""What is remembered of conversations: the last turn, for as long as providers keep a prefix."""

from __future__ import annotations

from gateway.routing import conversations
from gateway.routing.conversations import Conversations, Turn
from gateway.types import Conversation


def test_the_last_turn_counts_for_five_minutes():
    memory = Conversations()
    memory.note("a", Turn("small", 5000, at=100.0))
    memory.note("a", Turn("large", 6000, at=200.0))
    assert memory.of("a", now=500.0) == Conversation("a", "large", 6000)
    assert memory.of("a", now=500.1) == Conversation("a")
    assert memory.of("b", now=200.0) == Conversation("b")


def test_a_prefix_too_short_to_be_kept_weighs_nothing():
    memory = Conversations()
    memory.note("a", Turn("small", 1023, at=0.0))
    memory.note("b", Turn("small", 1024, at=0.0))
    assert memory.of("a", now=1.0) == Conversation("a", "small", 0)
    assert memory.of("b", now=1.0) == Conversation("b", "small", 1024)


def test_the_longest_unheard_of_is_forgotten_first(monkeypatch):
    monkeypatch.setattr(conversations, "CAPACITY", 2)
    memory = Conversations()
    for key in ("a", "b", "a", "c"):
        memory.note(key, Turn("small", 5000, at=0.0))
    known = [key for key in "abc" if memory.of(key, now=0.0).model]
    assert known == ["a", "c"]
