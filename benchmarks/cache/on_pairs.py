"""The decision on labelled pairs: by similarity alone, with guards, by the verifier, and by all of them together as the cache does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.cache import pairs as files
from benchmarks.cache import points
from benchmarks.cache.points import Point
from gateway.caching.verify import guards, shipped, thresholds, training, words
from gateway.caching.verify.training import Pair, Table
from gateway.caching.verify.verifier import LEAST_SIMILARITY

RECALLS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7)
SIMILARITIES = (0.8, 0.85, 0.9, 0.93, 0.95, 0.97)
TARGETS = (0.02, 0.05, 0.1)


@dataclass
class Scored:
    """Scores of the tested pairs by one seed's models, and what thresholds chosen on the trained pairs did to them, by target."""

    scores: list[float]
    decided: dict[float, list[Point]] = field(default_factory=dict)


def evaluate(
    path: Path, tested: Sequence[Pair], train_path: Path | None, train: Sequence[Pair] | None, *, folds: int, seeds: int
) -> None:
    same = [pair.is_same for pair in tested]
    how = f"trained on {train_path} ({len(train)} pairs)" if train else f"{folds}-fold, no question on both sides"
    print(f"{path}: {len(tested)} pairs, {sum(same)} of them ask the same; {how}; {seeds} seeds")
    for name, rows in ((path, tested), (train_path, train or ())):
        if rows and len({pair.is_same for pair in rows}) < 2:
            raise SystemExit(f"{name}: needs pairs that ask the same and pairs that do not")
    table = training.tabulate(tested)
    if train is None:
        by_seed = [_cross_validated(table, folds, seed) for seed in range(seeds)]
    else:
        if shared := set(files.marks(tested)) & set(files.marks(train)):
            print(f"! {len(shared)} questions are in both files: this is no fair test.")
        trained = training.tabulate(train)
        by_seed = [_trained(trained, table, seed) for seed in range(seeds)]
    model = shipped.read()
    as_shipped = [
        thresholds.SAME_WORDS
        if same_words
        else model.scorer.score(values, [part[place] for part in table.differences], table.substitutions[place])
        for place, (values, same_words) in enumerate(zip(table.values.tolist(), table.same_words.tolist(), strict=True))
    ]
    _print_recalls(table, same, [one.scores for one in by_seed], as_shipped)
    _print_similarities(table, same)
    _print_guards(tested)
    _print_thresholds(by_seed)
    _print_shipped(table, same, as_shipped, model.scores)
    known = len(model.questions & set(files.marks(tested)))
    if known:
        print(
            f"\n! shipped model ({model.version}): trained on {known} of these questions. Its figures above are no fair test."
        )
    else:
        print(
            f"\nshipped model ({model.version}): trained on {model.pairs} other pairs, none of these questions among them."
        )


def _cross_validated(table: Table, count: int, seed: int) -> Scored:
    found = Scored([0.0] * len(table.same))
    for fold in training.folds(table, count=count, seed=seed, calibrates=seed == 0):
        part = table.part(fold.tested)
        scores = training.scored(fold.model.payload, part)
        for place, score in zip(fold.tested, scores, strict=True):
            found.scores[place] = score
        if seed == 0:
            _decide(found, table.part(fold.trained), fold.model.unseen, part, scores)
    return found


def _trained(trained: Table, table: Table, seed: int) -> Scored:
    model = training.fit(trained, seed=seed)
    found = Scored(training.scored(model.payload, table))
    if seed == 0:
        _decide(found, trained, model.unseen, table, found.scores)
    return found


def _decide(found: Scored, trained: Table, unseen_scores: list[float], tested: Table, scores: list[float]) -> None:
    """Thresholds chosen on cross-validated scores of the trained pairs alone, and what they do to the tested ones."""
    unseen = training.labelled(trained, unseen_scores, least_similarity=LEAST_SIMILARITY)
    passed = _as_hits(tested, scores)
    same = [bool(value) for value in tested.same]
    for target in TARGETS:
        chosen = thresholds.choose(unseen, target=target)
        point = points.at([-1.0 if score is None else score for score in passed], same, threshold=chosen.value)
        found.decided.setdefault(target, []).append(point)


def _as_hits(table: Table, scores: Sequence[float]) -> list[float | None]:
    """What the cache goes by: nothing below the least similarity or with a veto is a hit."""
    return [
        None if vetoed or similarity < LEAST_SIMILARITY else score
        for score, vetoed, similarity in zip(scores, table.vetoed, table.similarities, strict=True)
    ]


def _print_recalls(table: Table, same: list[bool], by_seed: Sequence[list[float]], as_shipped: list[float]) -> None:
    print(
        "\nFalse hits per hit where so many of the pairs that ask the same are hits: mean ± standard deviation over seeds,"
        "\nand Wilson's 95 % interval. —: not to be had.\n"
    )
    plain: list[float | None] = table.similarities.tolist()
    guarded = [None if vetoed else score for score, vetoed in zip(plain, table.vetoed, strict=True)]
    columns: dict[str, list[Sequence[float | None]]] = {
        "similarity": [plain],
        "with guards": [guarded],
        "verifier alone": list(by_seed),
        "guards and verifier": [_as_hits(table, scores) for scores in by_seed],
        "the same, as shipped": [_as_hits(table, as_shipped)],
    }
    print(f"{'recall':>8s}" + "".join(f"{name:>26s}" for name in columns))
    for recall in RECALLS:
        cells = [
            points.told([points.at_recall(scores, same, recall) for scores in column]) for column in columns.values()
        ]
        print(f"{recall:>8.0%}" + "".join(f"{cell:>26s}" for cell in cells))


def _print_similarities(table: Table, same: list[bool]) -> None:
    print("\nBy similarity alone, and with guards: recall, false hits per hit\n")
    for threshold in SIMILARITIES:
        plain = points.at(table.similarities.tolist(), same, threshold=threshold)
        guarded = [
            0.0 if vetoed else score for score, vetoed in zip(table.similarities.tolist(), table.vetoed, strict=True)
        ]
        cells = "".join(
            f"{point.recall:>12.1%}  {points.told([point]):<22s}"
            for point in (plain, points.at(guarded, same, threshold=threshold))
        )
        print(f"{threshold:>8.2f}{cells}")


def _print_guards(tested: Sequence[Pair]) -> None:
    counts = {name: [0, 0] for name in guards.NAMES}
    for pair in tested:
        for name in guards.vetoes(words.read(pair.text_a), words.read(pair.text_b)):
            counts[name][pair.is_same] += 1
    print("\nVetoes of each guard: pairs that ask something else, pairs that ask the same\n")
    for name, (other, of_same) in counts.items():
        print(f"{name:>12s}{other:>8d}{of_same:>8d}")


def _print_thresholds(by_seed: Sequence[Scored]) -> None:
    print(
        "\nThresholds chosen on trained pairs for a share of false hits, and what the tested pairs had (first seed)\n"
    )
    for target, found in by_seed[0].decided.items():
        total = Point(sum(p.hits for p in found), sum(p.wrong for p in found), sum(p.could for p in found))
        print(f"{target:>8.0%}  recall {total.recall:.1%}, false {points.told([total])}, {total.hits} hits")


def _print_shipped(
    table: Table, same: list[bool], as_shipped: list[float], unseen: Sequence[thresholds.Labelled]
) -> None:
    print("\nThe shipped model with the threshold for each target\n")
    passed = [-1.0 if score is None else score for score in _as_hits(table, as_shipped)]
    for target in TARGETS:
        chosen = thresholds.choose(unseen, target=target)
        point = points.at(passed, same, threshold=chosen.value)
        print(
            f"{target:>8.0%}  score from {chosen.value:.3f} (expected {chosen.expected:.1%}, at most {chosen.bound:.1%}): "
            f"recall {point.recall:.1%}, false {points.told([point])}, {point.hits} hits"
        )
