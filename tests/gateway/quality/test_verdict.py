"""An answer is served if nothing speaks against it and it is probable enough."""

import pytest

from gateway.quality import classifier, shipped, signals, verdict
from gateway.quality.classifier import Classifier
from gateway.quality.threshold import ESCALATE_ALL, Threshold

PROMPT = "Anna packs 3 lamps into each of 4 boxes. How many lamps are there?"
SOUND = "Anna packs 3 * 4 = 12 lamps.\n#### 12"
WRONG = "Anna packs 3 * 4 = 17.5 lamps.\n#### 17.5"


@pytest.fixture(scope="module")
def model() -> Classifier:
    return classifier.parse(shipped.read()["payload"])


def at(value: float) -> Threshold:
    return Threshold(value, target=0.1, bound=0.09, accepted=1, wrong=0, answers=1)


def reach(model: Classifier, answer: str, value: float, finish_reason: str = "stop") -> verdict.Verdict:
    seen = signals.read(answer, finish_reason=finish_reason)
    return verdict.reach(PROMPT, answer, signals=seen, classifier=model, threshold=at(value))


def test_a_sound_answer_is_served(model: Classifier):
    found = reach(model, SOUND, 0.5)
    assert found == verdict.Verdict(True, model.probability(PROMPT, SOUND), ())
    assert found.probability is not None
    assert found.probability > 0.8


def test_a_wrong_sum_is_escalated(model: Classifier):
    found = reach(model, WRONG, 0.5)
    assert (found.is_accepted, found.reasons) == (False, ("below_threshold",))


def test_the_threshold_itself_is_enough(model: Classifier):
    exact = model.probability(PROMPT, SOUND)
    assert reach(model, SOUND, exact).is_accepted
    assert not reach(model, SOUND, exact + 1e-9).is_accepted


@pytest.mark.parametrize(
    ("answer", "finish_reason", "reason"),
    [("", "stop", "empty"), ("I cannot help with that.", "stop", "refusal"), (SOUND, "length", "cut")],
)
def test_a_hopeless_answer_is_not_scored(model: Classifier, answer: str, finish_reason: str, reason: str):
    assert reach(model, answer, 0.0, finish_reason) == verdict.Verdict(False, None, (reason,))


def test_without_a_threshold_everything_is_escalated(model: Classifier):
    assert reach(model, SOUND, ESCALATE_ALL) == verdict.Verdict(False, None, ("no_threshold",))
