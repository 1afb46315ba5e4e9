"""The ways to decide what to escalate: a score of doubt for every pair, from models that have not seen the pair's prompt."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmarks.cascade.data import Pair, weak_rows
from gateway.quality import classifier, features, threshold, training
from gateway.quality.threshold import Threshold

RANDOM = "random"
LENGTH = "prompt length"
PROMPT_ONLY = "prompt-only classifier"
CASCADE = "cascade"


@dataclass(frozen=True)
class Setting:
    """What is trained on what: with `train`, models of it alone; without, models of the folds that a pair is not in."""

    pairs: Sequence[Pair]
    train: Sequence[Pair] | None
    folds: int


@dataclass(frozen=True)
class Decided:
    """What a threshold, chosen on training rows, did to the pairs."""

    thresholds: list[Threshold]  # one a fold
    accepted: int
    wrong: int  # accepted although wrong
    right: int  # of all answers served, cheap or strong


def doubts(setting: Setting, seed: int) -> dict[str, list[float]]:
    """Doubt by strategy."""
    chance = random.Random(seed)
    return {
        RANDOM: [chance.random() for _ in setting.pairs],
        LENGTH: [float(len(pair.prompt)) for pair in setting.pairs],
        PROMPT_ONLY: _trained(setting, seed, columns=features.PROMPT, has_words=False),
        CASCADE: _trained(setting, seed, columns=features.NAMES, has_words=True),
    }


def of_model(pairs: Sequence[Pair], model: classifier.Classifier) -> list[float]:
    return [1 - model.probability(pair.prompt, pair.weak_answer) for pair in pairs]


def decide(setting: Setting, *, target: float, seed: int = 0) -> Decided:
    """Thresholds chosen on cross-validated scores of the training rows alone, and what they do to the tested pairs."""
    thresholds = []
    accepted = wrong = right = 0
    for model, trained, tested in parts(setting, seed):
        chosen = threshold.choose(training.cross_scored(weak_rows(trained), seed=seed), target=target)
        thresholds.append(chosen)
        for place in tested:
            pair = setting.pairs[place]
            is_accepted = model.probability(pair.prompt, pair.weak_answer) >= chosen.value
            accepted += is_accepted
            wrong += is_accepted and not pair.is_weak_right
            right += pair.is_weak_right if is_accepted else pair.is_strong_right
    return Decided(thresholds, accepted, wrong, right)


def _trained(setting: Setting, seed: int, *, columns: tuple[str, ...], has_words: bool) -> list[float]:
    doubt = [0.0] * len(setting.pairs)
    for model, _, tested in parts(setting, seed, columns=columns, has_words=has_words):
        for place, value in zip(tested, of_model([setting.pairs[at] for at in tested], model), strict=True):
            doubt[place] = value
    return doubt


def parts(
    setting: Setting, seed: int, *, columns: tuple[str, ...] = features.NAMES, has_words: bool = True
) -> Iterator[tuple[classifier.Classifier, list[Pair], list[int]]]:
    """Models, the pairs each was trained on, and the places of those it is tested on."""
    if setting.train is not None:
        payload = training.fit(weak_rows(setting.train), columns=columns, has_words=has_words, seed=seed)
        yield classifier.parse(payload), list(setting.train), list(range(len(setting.pairs)))
        return
    rows = weak_rows(setting.pairs)
    for fold in training.folds(rows, count=setting.folds, columns=columns, has_words=has_words, seed=seed):
        held = set(fold.tested)
        trained = [pair for place, pair in enumerate(setting.pairs) if place not in held]
        yield classifier.parse(fold.payload), trained, fold.tested
