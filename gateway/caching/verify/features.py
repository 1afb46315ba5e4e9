"""What the verifier looks at: some hundred numbers about two texts, in a fixed order, the same whichever text comes first.

What can be told from the words (which ones only one side has, how rare they are, in which order), from the vectors of words and sentences
(how near to each other, and where the least near ones are), and which guards object. Nothing tells what the texts are *about*: a model that
knew would learn the topics of its training data. The texts are not kept.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from gateway.caching.verify.alignment import EARLY, LAST, OWN, Aligned, cosine
from gateway.caching.verify.words import QUESTION_WORDS, Reading

_LAYERS = (OWN, EARLY, LAST)
_MOST_WORDS = 256  # of a text that are compared in detail
_OPENERS = (*sorted(QUESTION_WORDS), "is", "are", "do", "does", "did", "can", "could", "should", "would", "will", "if")
_SENTENCE = re.compile(r"[.?!]+(?:\s|$)")
_NO_COUNTERPART = 0.6  # where only one side has something; about as near as words of one topic are

SENTENCES = ("whole_own", "whole_early", "whole_last", "first_early", "first_last", "end_last", "peak_last")
WORDS = (
    "words_shared",
    "content_shared",
    "pairs_shared",
    "trigrams_shared",
    "sequence",
    "prefix",
    "suffix",
    "middle_less",
    "middle_more",
    "words_less",
    "words_more",
    "length_ratio",
    "shared_content",
    "all_in_other",
    "same_content",
    "inversions",
    "inversion_share",
    "first_same",
    "last_same",
    "sentence_difference",
    "opener_same",
    "question_words_shared",
    *(f"only_{what}_{side}" for what in ("words", "weight", "share") for side in ("less", "more")),
    *(f"only_content_{what}_{side}" for what in ("words", "weight", "share") for side in ("less", "more")),
    "only_heaviest",
    "only_names_less",
    "only_names_more",
    "names_shared",
    "only_numbers_less",
    "only_numbers_more",
    "numbers_shared",
)
_PER_DIRECTION = ("least", "second_least", "mean_weighted", "mean", "worst_weighted", "loss")
ALIGNMENT = tuple(
    f"{layer}_{name}"
    for layer in ("own", "early", "last")
    for name in (
        *(f"{what}_{side}" for what in _PER_DIRECTION for side in ("less", "more")),
        "least_of_all",
        "mean_of_all",
        "only_centres",
        "only_least",
        "only_most",
        "only_least_to_any",
    )
)
POOLS = (
    "pool_weighted",
    "pool_content",
    "pool_function",
    "pool_shared",
    "pool_only",
    "only_to_whole_less",
    "only_to_whole_more",
    "first_content",
    "last_content",
)
GUARDS = (*(f"guard_{name}" for name in ("numbers", "names", "negation")), "guards")
NAMES = SENTENCES + WORDS + ALIGNMENT + POOLS + GUARDS
# Vectors whose difference a trained model measures in its own way; their signs say nothing.
DIFFERENCES = ("whole", "first", "only_last", "only_early", "only_own")


def extract(asked: Aligned, cached: Aligned, vetoes: Sequence[str]) -> list[float]:
    """The features in the order of NAMES, as single-precision values (what tree learners compare with)."""
    values = [
        *_of_sentences(asked, cached),
        *_of_words(asked, cached),
        *_of_alignment(asked, cached),
        *_of_pools(asked, cached),
        *(float(name in vetoes) for name in ("numbers", "names", "negation")),
        float(len(vetoes)),
    ]
    return single(values)


def differences(asked: Aligned, cached: Aligned) -> list[Any]:
    """How the texts' vectors differ after the last layer, and in the mean of the words that only one side has; in the order of
    DIFFERENCES."""
    mine = asked.having(cached.reading.stem_set, is_in=False)
    others = cached.having(asked.reading.stem_set, is_in=False)
    return [
        asked.whole[LAST] - cached.whole[LAST],
        asked.first[LAST] - cached.first[LAST],
        *(_mean(asked.raw[layer], mine) - _mean(cached.raw[layer], others) for layer in (LAST, EARLY, OWN)),
    ]


def single(values: Sequence[float]) -> list[float]:
    """Rounded to single precision."""
    return array("f", values).tolist()


def _of_sentences(asked: Aligned, cached: Aligned) -> list[float]:
    return [
        *(float(asked.whole[layer] @ cached.whole[layer]) for layer in _LAYERS),
        *(float(asked.first[layer] @ cached.first[layer]) for layer in (EARLY, LAST)),
        cosine(asked.end, cached.end),
        cosine(asked.peak, cached.peak),
    ]


def _of_words(asked: Aligned, cached: Aligned) -> list[float]:
    mine, others = asked.words[:_MOST_WORDS], cached.words[:_MOST_WORDS]
    here, there = [word.stem for word in mine], [word.stem for word in others]
    here_set, there_set = frozenset(here), frozenset(there)
    content_here = list(dict.fromkeys(word.stem for word in mine if word.is_content))
    content_there = list(dict.fromkeys(word.stem for word in others if word.is_content))
    shared_content = set(content_here) & set(content_there)
    prefix, suffix = _ends_shared(here, there)
    inversions, most = _inversions(content_here, content_there)
    shorter, longer = sorted((len(here), len(there)))
    return [
        _jaccard({word.plain for word in mine}, {word.plain for word in others}),
        _jaccard(set(content_here), set(content_there)),
        _jaccard(set(pairwise(here)), set(pairwise(there))),
        _jaccard(_trigrams(asked.reading), _trigrams(cached.reading)),
        2 * _longest_common(here, there) / ((shorter + longer) or 1),
        prefix / (longer or 1),
        suffix / (longer or 1),
        shorter - prefix - suffix,
        longer - prefix - suffix,
        shorter,
        longer,
        shorter / (longer or 1),
        len(shared_content),
        here_set <= there_set or there_set <= here_set,
        set(content_here) == set(content_there),
        inversions,
        inversions / (most or 1),
        here[:1] == there[:1],
        here[-1:] == there[-1:],
        abs(len(_SENTENCE.findall(asked.reading.text)) - len(_SENTENCE.findall(cached.reading.text))),
        _opener(asked.reading) == _opener(cached.reading),
        _jaccard(asked.reading.plains & QUESTION_WORDS, cached.reading.plains & QUESTION_WORDS),
        *_of_one_sided(asked, cached, here_set, there_set),
        *_of_names_and_numbers(asked.reading, cached.reading),
    ]


def _of_one_sided(asked: Aligned, cached: Aligned, here: frozenset[str], there: frozenset[str]) -> list[float]:
    """Words that the other side has not: how many, how rare, which share of their text; of all words, then of content words."""
    mine, others = asked.having(there, is_in=False), cached.having(here, is_in=False)
    values: list[float] = []
    heaviest = 0.0
    for only_content in (False, True):
        counts, weights, shares = [], [], []
        for side, places in ((asked, mine), (cached, others)):
            kept = [place for place in places if side.words[place].is_content] if only_content else places
            weight = float(side.weights[kept].sum()) if kept else 0.0
            counts.append(float(len(kept)))
            weights.append(weight)
            shares.append(weight / (float(side.weights.sum()) or 1.0))
            if only_content and kept:
                heaviest = max(heaviest, float(side.weights[kept].max()))
        values += [*sorted(counts), *sorted(weights), *sorted(shares)]
    return [*values, heaviest]


def _of_names_and_numbers(asked: Reading, cached: Reading) -> list[float]:
    mine, others = {word.stem for word in asked.names}, {word.stem for word in cached.names}
    only = sorted((len(mine - cached.stem_set), len(others - asked.stem_set)))
    numbers, other_numbers = set(asked.amounts.numbers), set(cached.amounts.numbers)
    only_numbers = sorted((len(numbers - other_numbers), len(other_numbers - numbers)))
    return [*only, len(mine & others), *only_numbers, len(numbers & other_numbers)]


def _of_alignment(asked: Aligned, cached: Aligned) -> list[float]:
    mine = asked.having(cached.reading.stem_set, is_in=False)
    others = cached.having(asked.reading.stem_set, is_in=False)
    only_mine = [place for place in mine if asked.words[place].is_content]
    only_others = [place for place in others if cached.words[place].is_content]
    values: list[float] = []
    for layer in _LAYERS:
        if not asked.words or not cached.words:
            values += [0.0] * (2 * len(_PER_DIRECTION) + 6)
            continue
        table = asked.unit[layer] @ cached.unit[layer].T
        best_mine, best_others = table.max(axis=1), table.max(axis=0)
        for one, other in zip(_direction(best_mine, asked), _direction(best_others, cached), strict=True):
            values += sorted((one, other))
        best_only = [*best_mine[only_mine], *best_others[only_others]]
        values += [
            float(min(best_mine.min(), best_others.min())),
            float(best_mine.mean() + best_others.mean()) / 2,
            *_substitution(asked, cached, layer, table, only_mine, only_others),
            float(min(best_only)) if best_only else 1.0,
        ]
    return values


def _direction(best: Any, side: Aligned) -> list[float]:
    """How near the other text's words come to this one's content words; in the order of _PER_DIRECTION."""
    kept, weights = best[side.content], side.weights[side.content]
    ordered = sorted(kept.tolist())
    lost = (1 - kept) * weights
    return [
        ordered[0],
        ordered[1] if len(ordered) > 1 else ordered[0],
        float((kept * weights).sum() / weights.sum()),
        float(kept.mean()),
        float(lost.max()),
        float(lost.sum()),
    ]


def _substitution(
    asked: Aligned, cached: Aligned, layer: int, table: Any, mine: list[int], others: list[int]
) -> list[float]:
    """How near the content words that only one side has are to those that only the other has."""
    if not mine or not others:
        return [1.0 if not mine and not others else _NO_COUNTERPART] * 3
    only = table[mine][:, others]
    return [
        cosine(asked.raw[layer][mine].mean(axis=0), cached.raw[layer][others].mean(axis=0)),
        float(min(only.max(axis=1).min(), only.max(axis=0).min())),
        float(only.max()),
    ]


def _of_pools(asked: Aligned, cached: Aligned) -> list[float]:
    """Means over some of the words, after the last layer."""
    if not asked.words or not cached.words:
        return [0.0] * len(POOLS)
    mine, others = asked.raw[LAST], cached.raw[LAST]
    shared_mine = asked.having(cached.reading.stem_set, is_in=True)
    shared_others = cached.having(asked.reading.stem_set, is_in=True)
    only_mine = asked.having(cached.reading.stem_set, is_in=False)
    only_others = cached.having(asked.reading.stem_set, is_in=False)
    to_whole = (
        cosine(mine[only_mine].mean(axis=0), cached.whole[LAST]) if only_mine else 1.0,
        cosine(others[only_others].mean(axis=0), asked.whole[LAST]) if only_others else 1.0,
    )
    content_mine, content_others = asked.content.nonzero()[0], cached.content.nonzero()[0]
    return [
        cosine(asked.weights @ mine, cached.weights @ others),
        _pooled(mine[content_mine], others[content_others]),
        _pooled(mine[~asked.content], others[~cached.content]),
        _pooled(mine[shared_mine], others[shared_others]),
        _pooled(mine[only_mine], others[only_others]),
        *sorted(to_whole),
        float(asked.unit[LAST][content_mine[0]] @ cached.unit[LAST][content_others[0]]),
        float(asked.unit[LAST][content_mine[-1]] @ cached.unit[LAST][content_others[-1]]),
    ]


def _mean(vectors: Any, places: list[int]) -> Any:
    return vectors[places].mean(axis=0) if places else 0 * vectors.sum(axis=0)


def _pooled(mine: Any, others: Any) -> float:
    if not len(mine) or not len(others):
        return 1.0 if len(mine) == len(others) else 0.5
    return cosine(mine.mean(axis=0), others.mean(axis=0))


def _jaccard(mine: set[Any] | frozenset[Any], others: set[Any] | frozenset[Any]) -> float:
    return len(mine & others) / (len(mine | others) or 1)


def _trigrams(reading: Reading) -> set[str]:
    text = f" {' '.join(word.plain for word in reading.words[:_MOST_WORDS])} "
    return {text[at : at + 3] for at in range(len(text) - 2)}


def _ends_shared(here: list[str], there: list[str]) -> tuple[int, int]:
    """How many words both begin with, and how many of the rest both end with."""
    most = min(len(here), len(there))
    prefix = 0
    while prefix < most and here[prefix] == there[prefix]:
        prefix += 1
    suffix = 0
    while suffix < most - prefix and here[-1 - suffix] == there[-1 - suffix]:
        suffix += 1
    return prefix, suffix


def _longest_common(here: list[str], there: list[str]) -> int:
    """Length of the longest common subsequence."""
    before = [0] * (len(there) + 1)
    for word in here:
        row = [0]
        for place, other in enumerate(there):
            row.append(before[place] + 1 if word == other else max(row[place], before[place + 1]))
        before = row
    return before[-1]


def _inversions(here: list[str], there: list[str]) -> tuple[int, int]:
    """Pairs of shared words in another order, and how many pairs there are."""
    place_of = {word: place for place, word in enumerate(there)}
    places = [place_of[word] for word in here if word in place_of]
    pairs = len(places) * (len(places) - 1) // 2
    return sum(places[i] > places[j] for i in range(len(places)) for j in range(i + 1, len(places))), pairs


def _opener(reading: Reading) -> str:
    return next((word.plain for word in reading.words if word.plain in _OPENERS), "")
