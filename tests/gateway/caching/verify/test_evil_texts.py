"""Texts made to be read slowly are read as quickly as others: looked at again from each of their words, these would take minutes."""

from __future__ import annotations

import pytest

from gateway.caching.verify import guards, words

CHARACTERS = 100_000
UNITS = ['"', "“", "a-", "1-", "1+", "$1", "1 ", "1% ", "sk-", "a.", "(", " ", "\n", "two ", "'", "usd "]


@pytest.mark.parametrize("unit", UNITS)
def test_a_text_that_goes_on_like_the_beginning_of_something_is_read(unit: str):
    text = unit * (CHARACTERS // len(unit))
    found = words.read(text)
    assert found.text == text
    assert len(found.amounts.numbers) <= CHARACTERS


def test_many_amounts_are_compared():
    text = "".join(f"${number} " for number in range(15_000))
    assert guards.vetoes(words.read(text), words.read(text)) == ()
    assert "units" in guards.vetoes(words.read(f"{text}7 €"), words.read(f"{text}7 £"))
