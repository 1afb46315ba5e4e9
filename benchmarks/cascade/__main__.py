"""`make eval-cascade`: what escalating by the classifier's doubt is worth on recorded answers, beside simpler ways to choose.

Without --train, models are cross-validated on the data, grouped by prompt; with it, they are trained on that file alone.
Nothing is tuned on what is tested.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.cascade import curves, data, strategies
from benchmarks.cascade.data import Pair
from benchmarks.cascade.strategies import CASCADE, Setting
from gateway.quality import classifier, shipped

SAMPLE = Path(__file__).parents[1] / "data" / "cascade_sample.jsonl"
SHIPPED = "cascade, as shipped"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="make eval-cascade", description=__doc__)
    parser.add_argument("--data", type=Path, default=SAMPLE, help="rows to evaluate on (default: a small made sample)")
    parser.add_argument("--train", type=Path, help="rows to train on (default: cross-validation of the data)")
    parser.add_argument("--price-ratio", type=float, default=25.0, help="strong call / cheap call (default: 25)")
    parser.add_argument("--target", type=float, default=0.1, help="most answers accepted although wrong (default: 0.1)")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--folds", type=int, default=5)
    options = parser.parse_args(arguments)
    pairs = data.load(options.data)
    train = data.load(options.train) if options.train else None
    setting = Setting(pairs, train, options.folds)
    _print_data(options.data, pairs, options.train, train, options.folds, options.seeds)
    if sum(pair.gain for pair in pairs) <= 0:
        raise SystemExit("The strong model is no better here: there is no gain to recover.")
    if train and (shared := {pair.prompt for pair in pairs} & {pair.prompt for pair in train}):
        print(f"! {len(shared)} prompts are in both files: this is no fair test.\n")
    by_seed = [strategies.doubts(setting, seed) for seed in range(options.seeds)]
    shipped_model = shipped.read()
    as_shipped = strategies.of_model(pairs, classifier.parse(shipped_model["payload"]))
    _print_summaries(pairs, by_seed, as_shipped, options.price_ratio)
    _print_curve(pairs, by_seed, options.price_ratio)
    _print_threshold(setting, options.target, options.price_ratio)
    print_fairness(pairs, shipped_model)


def print_fairness(pairs: Sequence[Pair], shipped_model: Mapping[str, Any]) -> None:
    """Whether the shipped model's figures on these pairs mean anything."""
    seen = set(shipped_model["prompts"])
    if known := sum(mark in seen for mark in data.prompt_marks(pairs)):
        print(f"\n! {SHIPPED}: trained on {known} of these {len(pairs)} prompts. Its figures above are no fair test.")
    else:
        print(f"\n{SHIPPED}: trained on {shipped_model['rows']} other rows, none of these prompts among them.")


def _print_data(
    path: Path, pairs: Sequence[Pair], train_path: Path | None, train: Sequence[Pair] | None, folds: int, seeds: int
) -> None:
    weak = sum(pair.is_weak_right for pair in pairs) / len(pairs)
    strong = sum(pair.is_strong_right for pair in pairs) / len(pairs)
    how = f"trained on {train_path} ({len(train)} rows)" if train else f"{folds}-fold, grouped by prompt"
    print(f"{path}: {len(pairs)} rows; right: cheap {weak:.1%}, strong {strong:.1%}; {how}; {seeds} seeds\n")


def _print_summaries(
    pairs: Sequence[Pair], by_seed: Sequence[dict[str, list[float]]], as_shipped: list[float], ratio: float
) -> None:
    print("Mean ± standard deviation over seeds. Cost: of calling the strong model for everything.\n")
    print(f"{'':24s}{'APGR':>15s}{'calls for 50 %':>18s}{'calls for 80 %':>18s}{'cost for 80 %':>16s}")
    for name in by_seed[0]:
        found = [curves.summarise(pairs, doubts[name]) for doubts in by_seed]
        _print_summary(name, found, ratio)
    _print_summary(SHIPPED, [curves.summarise(pairs, as_shipped)], ratio)
    low, high = curves.interval_of_apgr(pairs, by_seed[0][CASCADE])
    print(
        f"\nWith other questions of this kind, the cascade's APGR would lie in {low:.3f} to {high:.3f} (bootstrap, 90 %)."
    )


def _print_summary(name: str, found: Sequence[curves.Summary], ratio: float) -> None:
    apgr = _spread([one.apgr for one in found], "{:.3f}")
    half = _spread([one.share_for_half * 100 for one in found], "{:.1f}", " %")
    most = _spread([one.share_for_most * 100 for one in found], "{:.1f}", " %")
    tries = name.startswith(CASCADE)
    price = statistics.mean(cost(one.share_for_most, ratio, tries_cheap_first=tries) for one in found)
    print(f"{name:24s}{apgr:>15s}{half:>18s}{most:>18s}{price:>16.1%}")


def cost(share: float, ratio: float, *, tries_cheap_first: bool) -> float:
    """Cost relative to strong calls only. A cascade pays the cheap call always, a router only where it routes there."""
    cheap_calls = 1.0 if tries_cheap_first else 1 - share
    return cheap_calls / ratio + share


def _spread(values: Sequence[float], form: str, unit: str = "") -> str:
    mean = form.format(statistics.mean(values))
    return f"{mean} ± {form.format(statistics.stdev(values))}{unit}" if len(values) > 1 else f"{mean}{unit}"


def _print_curve(pairs: Sequence[Pair], by_seed: Sequence[dict[str, list[float]]], ratio: float) -> None:
    weak = sum(pair.is_weak_right for pair in pairs) / len(pairs)
    gap = sum(pair.gain for pair in pairs) / len(pairs)
    traced = {name: [curves.trace(pairs, doubts[name]) for doubts in by_seed] for name in by_seed[0]}
    print(f"\nCost and quality (price ratio {ratio:g}); share of answers right by strategy\n")
    print(
        f"{'strong calls':>12s}{'cascade cost':>14s}{'router cost':>13s}" + "".join(f"{name:>24s}" for name in traced)
    )
    for step in range(11):
        share = step / 10
        row = f"{share:>12.0%}{cost(share, ratio, tries_cheap_first=True):>14.1%}{cost(share, ratio, tries_cheap_first=False):>13.1%}"
        for found in traced.values():
            row += f"{weak + gap * statistics.mean(curve.at(share) for curve in found):>24.1%}"
        print(row)


def _print_threshold(setting: Setting, target: float, ratio: float) -> None:
    decided = strategies.decide(setting, target=target)
    answers = len(setting.pairs)
    chosen = decided.thresholds
    values = ", ".join("escalate all" if one.escalates_all else f"{one.value:.3f}" for one in chosen)
    bound = max(one.bound for one in chosen)
    escalated = 1 - decided.accepted / answers
    print(
        f"\nThreshold for at most {target:.1%} accepted although wrong, chosen on training rows: {values}; "
        f"bound there {bound:.1%} (95 %, Clopper-Pearson). On the test rows: {decided.wrong / answers:.1%} accepted although "
        f"wrong, {escalated:.1%} escalated, {decided.right / answers:.1%} right, cost {cost(escalated, ratio, tries_cheap_first=True):.1%}."
    )


if __name__ == "__main__":
    main()
