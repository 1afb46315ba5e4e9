"""Sentences about rules are whole, with named places: another language may put them in its own order."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import gateway
from gateway import wording
from gateway.routing import conditions, sentences
from gateway.routing.conditions import InputTokens, Tiers
from gateway.types import Choice

ROUTING = Path(gateway.__file__).parent / "routing"
GERMAN = {
    "If %(conditions)s → %(targets)s": "%(targets)s, wenn %(conditions)s",
    "%(first)s and %(last)s": "%(first)s und %(last)s",
    "%(first)s or %(last)s": "%(first)s oder %(last)s",
    "tier %(tiers)s": "Stufe %(tiers)s",
    "%(least)s tokens or more": "ab %(least)s Token",
    "cheapest of %(models)s": "das billigste von %(models)s",
}


@pytest.fixture
def in_german() -> Iterator[None]:
    before = wording._translate, wording._count
    wording.speak(lambda text: GERMAN.get(text, text), before[1])
    yield
    wording.speak(*before)


def test_a_rule_is_read_in_another_order_in_another_language(in_german: None):
    asked = (Tiers(frozenset({"free", "trial"})), InputTokens(1000, None))
    said = sentences.rule(asked, Choice(strategy="cheapest"), ["mini", "haiku"])
    assert said == "das billigste von mini, haiku, wenn Stufe free oder trial und ab 1,000 Token"


def test_lists_are_put_together_as_the_language_does():
    assert [wording.either(words) for words in ("", "a", "ba", "cab")] == ["", "a", "a or b", "a, b or c"]
    assert wording.both("cab") == "a, b and c"
    assert conditions.need_name("vision") == "images"


@pytest.mark.parametrize("name", ["conditions", "hours", "sentences", "oddities", "faults", "explain", "quality"])
def test_no_sentence_is_put_together_from_pieces(name: str):
    """An f-string with words in it cannot be translated."""
    tree = ast.parse((ROUTING / f"{name}.py").read_text())
    pieces = [
        part.value
        for node in ast.walk(tree)
        if isinstance(node, ast.JoinedStr)
        for part in node.values
        if isinstance(part, ast.Constant) and isinstance(part.value, str)
    ]
    assert [piece for piece in pieces if re.search(r"[A-Za-z]{3,}", piece.replace("task/", ""))] == []
