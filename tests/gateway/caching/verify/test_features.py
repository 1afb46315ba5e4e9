"""Features can be had of any two texts, say the same whichever comes first, and see the word that makes the difference."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.caching.verify import features, reading
from gateway.embedders import minilm


def extracted(asked: str, cached: str) -> dict[str, float]:
    values = reading.compared(*reading.of_texts([asked, cached])).values
    return dict(zip(features.NAMES, values, strict=True))


@settings(deadline=None, max_examples=60)
@given(st.text(max_size=200), st.text(max_size=200))
def test_any_two_texts_have_features_whichever_comes_first(left: str, right: str):
    one, other = reading.of_texts([left, right])
    found, swapped = reading.compared(one, other), reading.compared(other, one)
    assert len(found.values) == len(features.NAMES)
    assert all(map(math.isfinite, found.values))
    assert swapped.values == pytest.approx(found.values, abs=1e-5)
    for mine, turned in zip(found.differences, swapped.differences, strict=True):
        assert (mine == turned).all()
    assert found.substitutions.facts.tolist() == swapped.substitutions.facts.tolist()
    assert len(found.substitutions.facts) == len(found.substitutions.words[0]) == len(found.substitutions.there[0])


@pytest.mark.parametrize(
    "text", ["", " ", "?", "...", "\x00", "😀", "的", "a" * 5000, "word " * 3000, "the of and", "1 2 3"]
)
def test_odd_texts_have_features(text: str):
    found = extracted(text, "How do I reset my password?")
    assert all(map(math.isfinite, found.values()))
    assert all(map(math.isfinite, extracted(text, text).values()))


def test_a_text_is_as_near_as_can_be_to_itself():
    found = extracted("How do I boil an egg?", "How do I boil an egg?")
    for name in ("whole_last", "first_last", "words_shared", "last_least_less", "last_only_least_to_any", "pool_only"):
        assert found[name] == pytest.approx(1.0, abs=1e-5), name
    for name in ("only_words_more", "only_heaviest", "last_worst_weighted_more", "guards", "inversions"):
        assert found[name] == pytest.approx(0.0, abs=1e-4), name


def test_the_word_that_finds_no_counterpart_is_seen():
    paraphrase = extracted("How do I repair a broken screen?", "How do I repair a cracked screen?")
    other = extracted("How do I repair a broken screen?", "How do I repair a broken marriage?")
    assert paraphrase["last_least_less"] > other["last_least_less"] + 0.1
    assert paraphrase["only_content_words_less"] == other["only_content_words_less"] == 1
    assert other["only_heaviest"] > 0


def test_words_beyond_what_the_network_reads_are_left_out_of_the_alignment():
    long = "word " * 400
    (aligned,) = reading.of_texts([long])
    assert len(aligned.reading.words) == 400
    assert len(aligned.words) == minilm.MAX_TOKENS - 2


def test_words_get_the_vectors_of_their_own_pieces():
    text = "Unbelievably, 北京 isn't tiny."
    (aligned,) = reading.of_texts([text])
    (pieces,) = minilm.pieces([text])
    assert [word.text for word in aligned.words] == [word.text for word in aligned.reading.words]
    own = [at for at, (start, end) in enumerate(pieces.spans) if end > start and end <= len("Unbelievably")]
    assert len(own) > 1
    assert aligned.raw[2][0] == pytest.approx(pieces.layers[2][own].mean(axis=0), abs=1e-5)


def test_the_mean_of_the_pieces_is_the_texts_vector():
    text = "What is the capital of France?"
    (aligned,) = reading.of_texts([text])
    (vector,) = minilm.embed([text])
    assert aligned.whole[2] == pytest.approx(vector, abs=1e-5)
