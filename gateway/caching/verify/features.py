"""What the verifier looks at: some hundred numbers about two texts, in a fixed order, the same whichever text comes first.

What can be told from the words (which ones only one side has, how rare they are, in which order), from the vectors of words and sentences
(how near to each other, and where the least near ones are), and which guards object. Nothing tells what the texts are *about*: a model that
knew would learn the topics of its training data. The texts are not kept.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence, Set
from typing import Any

from gateway.caching.verify.alignment import EARLY, LAST, OWN, Aligned, cosine
from gateway.caching.verify.pairing import Pairing, Side

_LAYERS = (OWN, EARLY, LAST)
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


def extract(pairing: Pairing, vetoes: Sequence[str]) -> list[float]:
    """The features in the order of NAMES, as single-precision values (what tree learners compare with)."""
    values = [
        *_of_sentences(pairing.one.text, pairing.other.text),
        *_of_words(pairing),
        *_of_alignment(pairing),
        *_of_pools(pairing),
        *(float(name in vetoes) for name in ("numbers", "names", "negation")),
        float(len(vetoes)),
    ]
    return single(values)


def differences(pairing: Pairing) -> list[Any]:
    """How the texts' vectors differ after the last layer, and in the mean of the words that only one side has; in the order of
    DIFFERENCES."""
    one, other = pairing.one, pairing.other
    only = one.only_mean - other.only_mean
    return [
        one.text.whole[LAST] - other.text.whole[LAST],
        one.text.first[LAST] - other.text.first[LAST],
        *(only[layer] for layer in (LAST, EARLY, OWN)),
    ]


def single(values: Sequence[float]) -> list[float]:
    """Rounded to single precision."""
    return array("f", values).tolist()


def _of_sentences(one: Aligned, other: Aligned) -> list[float]:
    return [
        *(float(one.whole[layer] @ other.whole[layer]) for layer in _LAYERS),
        *(float(one.first[layer] @ other.first[layer]) for layer in (EARLY, LAST)),
        cosine(one.end, other.end),
        cosine(one.peak, other.peak),
    ]


def _of_words(pairing: Pairing) -> list[float]:
    one, other = pairing.one.text, pairing.other.text
    here, there = one.stems, other.stems
    shared_content = one.content_stems.keys() & other.content_stems.keys()
    prefix, suffix = _ends_shared(here, there)
    inversions, most = _inversions(one.content_stems, other.content_stems)
    shorter, longer = sorted((len(here), len(there)))
    return [
        _jaccard(one.plains, other.plains),
        _jaccard(one.content_stems.keys(), other.content_stems.keys()),
        _jaccard(one.pairs, other.pairs),
        _jaccard(one.trigrams, other.trigrams),
        2 * _longest_common(here, there, prefix, suffix) / ((shorter + longer) or 1),
        prefix / (longer or 1),
        suffix / (longer or 1),
        shorter - prefix - suffix,
        longer - prefix - suffix,
        shorter,
        longer,
        shorter / (longer or 1),
        len(shared_content),
        one.stem_set <= other.stem_set or other.stem_set <= one.stem_set,
        one.content_stems.keys() == other.content_stems.keys(),
        inversions,
        inversions / (most or 1),
        here[:1] == there[:1],
        here[-1:] == there[-1:],
        abs(one.sentences - other.sentences),
        one.opener == other.opener,
        _jaccard(one.question_words, other.question_words),
        *_of_one_sided(pairing.one, pairing.other),
        *_of_names_and_numbers(one, other),
    ]


def _of_one_sided(one: Side, other: Side) -> list[float]:
    """Words that the other side has not: how many, how rare, which share of their text; of all words, then of content words."""
    values: list[float] = []
    heaviest = 0.0
    for only_content in (False, True):
        counts, weights, shares = [], [], []
        for side in (one, other):
            kept = side.unread_content if only_content else side.unread
            weight = float(side.text.weights[kept].sum()) if kept else 0.0
            counts.append(float(len(kept)))
            weights.append(weight)
            shares.append(weight / (side.text.weight or 1.0))
            if only_content and kept:
                heaviest = max(heaviest, float(side.text.weights[kept].max()))
        values += [*sorted(counts), *sorted(weights), *sorted(shares)]
    return [*values, heaviest]


def _of_names_and_numbers(one: Aligned, other: Aligned) -> list[float]:
    only = sorted((len(one.name_stems - other.reading.stem_set), len(other.name_stems - one.reading.stem_set)))
    numbers, others = set(one.reading.amounts.numbers), set(other.reading.amounts.numbers)
    only_numbers = sorted((len(numbers - others), len(others - numbers)))
    return [*only, len(one.name_stems & other.name_stems), *only_numbers, len(numbers & others)]


def _of_alignment(pairing: Pairing) -> list[float]:
    """All layers at once, one after the other in what comes out."""
    import numpy as np

    one, other = pairing.one, pairing.other
    if not one.text.words or not other.text.words:
        return [0.0] * len(ALIGNMENT)
    mine, others = _directions(one), _directions(other)
    sides = np.stack([np.minimum(mine, others), np.maximum(mine, others)], axis=2)
    only = np.concatenate([one.best[:, one.only_content], other.best[:, other.only_content]], axis=1)
    rest = np.column_stack([
        np.minimum(one.best.min(axis=1), other.best.min(axis=1)),
        (one.best.mean(axis=1) + other.best.mean(axis=1)).astype(np.float64) / 2,
        _substitution(pairing),
        only.min(axis=1) if only.shape[1] else np.ones(len(_LAYERS)),
    ])  # fmt: skip
    found: list[float] = np.concatenate([sides.reshape(len(_LAYERS), -1), rest], axis=1).ravel().tolist()
    return found


def _directions(side: Side) -> Any:
    """How near the other text's words come to this one's content words; layers × _PER_DIRECTION."""
    import numpy as np

    kept, weights = side.best[:, side.text.content], side.text.weights[side.text.content]
    ordered = np.sort(kept, axis=1)
    lost = (1 - kept) * weights
    return np.column_stack([
        ordered[:, 0],
        ordered[:, min(1, ordered.shape[1] - 1)],
        (kept * weights).sum(axis=1) / weights.sum(),
        kept.mean(axis=1),
        lost.max(axis=1),
        lost.sum(axis=1),
    ])  # fmt: skip


def _substitution(pairing: Pairing) -> Any:
    """How near the content words that only one side has are to those that only the other has; layers × 3."""
    import numpy as np

    one, other = pairing.one, pairing.other
    mine, others = one.only_content, other.only_content
    if not mine or not others:
        return np.full((len(_LAYERS), 3), 1.0 if not mine and not others else _NO_COUNTERPART)
    only = pairing.tables[:, mine][:, :, others]
    centres, other_centres = one.text.raw[:, mine].mean(axis=1), other.text.raw[:, others].mean(axis=1)
    return np.column_stack([
        [cosine(centres[layer], other_centres[layer]) for layer in _LAYERS],
        np.minimum(only.max(axis=2).min(axis=1), only.max(axis=1).min(axis=1)),
        only.max(axis=(1, 2)),
    ])  # fmt: skip


def _of_pools(pairing: Pairing) -> list[float]:
    """Means over some of the words, after the last layer."""
    one, other = pairing.one, pairing.other
    if not one.text.words or not other.text.words:
        return [0.0] * len(POOLS)
    mine, others = one.text.raw[LAST], other.text.raw[LAST]
    to_whole = (
        cosine(one.only_mean[LAST], other.text.whole[LAST]) if one.only else 1.0,
        cosine(other.only_mean[LAST], one.text.whole[LAST]) if other.only else 1.0,
    )
    content, other_content = one.text.content, other.text.content
    in_place, other_in_place = content.nonzero()[0], other_content.nonzero()[0]
    return [
        cosine(one.text.weights @ mine, other.text.weights @ others),
        _pooled(mine[content], others[other_content]),
        _pooled(mine[~content], others[~other_content]),
        _pooled(mine[one.shared], others[other.shared]),
        cosine(one.only_mean[LAST], other.only_mean[LAST])
        if one.only and other.only
        else _without(one.only, other.only),
        *sorted(to_whole),
        *(float(pairing.tables[LAST, in_place[at], other_in_place[at]]) for at in (0, -1)),
    ]


def _pooled(mine: Any, others: Any) -> float:
    if not len(mine) or not len(others):
        return _without(mine, others)
    return cosine(mine.mean(axis=0), others.mean(axis=0))


def _without(mine: Any, others: Any) -> float:
    """In place of a nearness, where one side has no such words."""
    return 1.0 if len(mine) == len(others) else 0.5


def _jaccard(mine: Set[Any], others: Set[Any]) -> float:
    return len(mine & others) / (len(mine | others) or 1)


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


def _longest_common(here: list[str], there: list[str], prefix: int, suffix: int) -> int:
    """Length of the longest common subsequence, of which the shared ends are part."""
    here, there = here[prefix : len(here) - suffix], there[prefix : len(there) - suffix]
    before = [0] * (len(there) + 1)
    for word in here:
        row = [0]
        for place, other in enumerate(there):
            row.append(before[place] + 1 if word == other else max(row[place], before[place + 1]))
        before = row
    return prefix + before[-1] + suffix


def _inversions(here: dict[str, int], there: dict[str, int]) -> tuple[int, int]:
    """Pairs of shared words in another order, and how many pairs there are. Words with their places."""
    places = [there[word] for word in here if word in there]
    pairs = len(places) * (len(places) - 1) // 2
    return sum(places[i] > places[j] for i in range(len(places)) for j in range(i + 1, len(places))), pairs
