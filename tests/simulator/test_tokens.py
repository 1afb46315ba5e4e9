from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from simulator import tokens


def test_splits_words_numbers_and_signs():
    assert tokens.pieces("Hello, wonderful 12345!") == ["Hello", ",", " wonderfu", "l", " 123", "45", "!"]
    assert tokens.count("") == 0


@given(st.text())
def test_joins_back_to_the_text(text):
    assert "".join(tokens.pieces(text)) == text


@given(st.text(), st.integers(0, 20))
def test_splits_a_text_cut_after_a_token_as_before(text, length):
    kept = tokens.pieces(text)[:length]
    assert tokens.pieces("".join(kept)) == kept
