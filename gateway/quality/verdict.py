"""Whether a cheap model's answer is served or the request escalated: signals first, then probability against threshold.

Pure. Which models, what is paid for both calls, and what an escalation does to a stream are the strategy's.
"""

from __future__ import annotations

from dataclasses import dataclass

from gateway.quality.classifier import Classifier
from gateway.quality.signals import Signals
from gateway.quality.threshold import Threshold


@dataclass(frozen=True, slots=True)
class Verdict:
    is_accepted: bool
    probability: float | None  # None: the signals were enough
    reasons: tuple[str, ...]  # names of signals seen; "below_threshold" or "no_threshold" if that decided


def reach(prompt: str, answer: str, *, signals: Signals, classifier: Classifier, threshold: Threshold) -> Verdict:
    """Judge an answer to a prompt. A hopeless one is not scored; where everything escalates, nothing is."""
    if signals.is_hopeless:
        return Verdict(False, None, signals.names)
    if threshold.escalates_all:
        return Verdict(False, None, (*signals.names, "no_threshold"))
    probability = classifier.probability(prompt, answer)
    is_accepted = probability >= threshold.value
    return Verdict(is_accepted, probability, signals.names if is_accepted else (*signals.names, "below_threshold"))
