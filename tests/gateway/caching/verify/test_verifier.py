"""The decision on a candidate: guards, then the score against the threshold."""

from __future__ import annotations

import asyncio
import json
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from gateway.caching.verify import scorer, shipped, thresholds, verifier
from gateway.caching.verify.thresholds import SAME_WORDS, Labelled
from gateway.caching.verify.verifier import Verdict
from gateway.embedders import minilm

ASKED = "How do I reset my password?"


def test_a_paraphrase_is_a_hit():
    verdict = verifier.verify(ASKED, "What can I do to reset my password?", 0.95, threshold=0.7)
    assert verdict.is_hit
    assert verdict.reasons == ()
    assert verdict.score is not None
    assert verdict.score > 0.7


def test_another_question_about_the_same_is_not():
    verdict = verifier.verify(ASKED, "Why should I reset my password?", 0.9, threshold=0.7)
    assert not verdict.is_hit
    assert verdict.reasons == ("below_threshold",)
    assert verdict.score is not None
    assert verdict.score < 0.6


def test_a_veto_is_final_whatever_the_threshold():
    found = verifier.verify("What is 15 % of 80?", "What is 15 % of 90?", 1.0, threshold=0.0)
    assert found == Verdict(False, None, ("numbers",))


def test_too_far_apart_is_not_looked_at():
    assert verifier.verify(ASKED, ASKED, 0.69, threshold=0.0) == Verdict(False, None, ("below_least_similarity",))
    assert verifier.verify(ASKED, ASKED, 0.69, threshold=0.0, least_similarity=0.6).is_hit


@pytest.mark.parametrize(
    "cached", [ASKED, "how do i reset my password", "How do I re-set my Password?!".replace("re-set", "reset")]
)
def test_the_same_words_are_a_hit_under_the_strictest_threshold(cached: str):
    assert verifier.verify(ASKED, cached, 1.0, threshold=SAME_WORDS) == Verdict(True, 1.0, ())


def test_other_words_are_none_under_the_strictest_threshold():
    verdict = verifier.verify(ASKED, "How can I reset my password?", 0.99, threshold=SAME_WORDS)
    assert not verdict.is_hit


def test_the_score_does_not_depend_on_which_comes_first():
    other = "What do I have to do to reset my password?"
    assert verifier.score(ASKED, other) == pytest.approx(verifier.score(other, ASKED), abs=1e-6)


def test_the_vector_that_was_just_made_spares_a_run_of_the_network_once_and_changes_nothing():
    other = "What do I have to do to reset my password?"
    mine, elsewhere = minilm.embed([ASKED, "How do I get to the airport from here by public transport?"])
    assert verifier.score(ASKED, other, vector=mine) == pytest.approx(verifier.score(ASKED, other), abs=1e-3)
    assert minilm.pieces_of(mine) is None
    assert minilm.pieces_of(elsewhere.copy()) is None  # the same numbers, of somebody else's
    assert minilm.pieces_of(elsewhere) is not None


def test_many_threads_get_the_same_scores():
    others = [f"How can I reset {what}?" for what in ("it", "my password", "the router", "a clock", "everything")] * 4
    alone = [verifier.score(ASKED, other) for other in others]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda other: verifier.score(ASKED, other), others)) == pytest.approx(alone, abs=1e-6)


async def test_the_event_loop_goes_on_meanwhile():
    verifier.warm()
    work = asyncio.gather(
        *(verifier.averify(ASKED, f"How can I reset my {what}?", 0.9, threshold=0.5) for what in ("key", "pin", "card"))
    )
    turns = 0
    while not work.done():
        turns += 1
        await asyncio.sleep(0)
    assert turns > 20
    assert len(work.result()) == 3
    assert threading.main_thread() is threading.current_thread()


async def test_off_the_loop_it_decides_the_same():
    assert await verifier.averify(ASKED, "How can I reset it?", 0.5, threshold=0.5) == Verdict(
        False, None, ("below_least_similarity",)
    )
    other = "What can I do to reset my password?"
    assert await verifier.averify(ASKED, other, 0.9, threshold=0.7) == verifier.verify(ASKED, other, 0.9, threshold=0.7)


async def test_where_too_many_wait_it_says_so(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(verifier, "MOST_WAITING", 0)
    with pytest.raises(verifier.VerifierError, match="wait"):
        await verifier.averify(ASKED, ASKED, 1.0, threshold=0.5)


def test_the_shipped_model_is_small_loads_and_has_no_texts():
    assert shipped.PATH.stat().st_size < 1_000_000
    content = json.loads(shipped.PATH.read_text())
    assert set(content) == {"version", "embedder", "model", "scores", "pairs", "questions"}
    assert all(isinstance(one, int) for one in content["questions"])
    model = shipped.read()
    assert model.version == content["version"]
    assert model.pairs > 1000
    assert 0.3 < sum(one.is_right for one in model.scores) / len(model.scores) < 0.9
    with pytest.raises(scorer.UnusableModelError, match="made for"):
        shipped.parse({**content, "embedder": "another"})


def test_the_default_threshold_keeps_to_its_target_and_own_labels_move_it():
    strict, default, loose = (verifier.default_threshold(target=target) for target in (0.005, 0.02, 0.1))
    assert strict >= default > loose > 0.4
    right = tuple(Labelled(0.75, True) for _ in range(2000))
    wrong = tuple(Labelled(0.99, False) for _ in range(50))
    assert verifier.default_threshold(own=right) < default
    assert verifier.default_threshold(own=wrong) == thresholds.SAME_WORDS
