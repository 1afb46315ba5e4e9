"""`make eval-cache`: how often the semantic cache's decision is wrong, plain and verified.

PAIRS: labelled pairs of questions (text_a, text_b, label). Without TRAIN, verifiers are cross-validated on them, with no question on both
sides; with it, they are trained on that file alone. The shipped model is measured, too, with a warning if it has seen any of them.
STREAM: labelled questions (text, intent) that come in one after the other, decided by the shipped model: through a gateway of its own, with
PostgreSQL and all; with --in-memory over an exact search in memory instead, at many more operating points.
Nothing is chosen on what is tested.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from benchmarks.cache import on_gateway, on_pairs, on_stream, pairs
from gateway.caching.verify import training

DATA = Path(__file__).parents[1] / "data"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="make eval-cache", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pairs", type=Path, help="pairs to evaluate on (default: a small made sample)")
    parser.add_argument("--train", type=Path, help="pairs to train on (default: cross-validation)")
    parser.add_argument("--stream", type=Path, help="a stream to replay")
    parser.add_argument("--in-memory", action="store_true", help="replay the stream over a search in memory")
    parser.add_argument("--questions", type=int, help="how many of the stream (default: all)")
    parser.add_argument("--seeds", type=int, default=5, help="cross-validations to average over (default: 5)")
    parser.add_argument("--folds", type=int, default=5)
    options = parser.parse_args(arguments)
    if options.seeds < 1 or options.folds < 2:
        parser.error("--seeds is at least 1 and --folds at least 2")
    if options.stream and (options.pairs or options.train):
        parser.error("either PAIRS (and TRAIN) or STREAM")
    if options.stream:
        stream = pairs.load_stream(options.stream)[: options.questions]
        intents = {one.intent for one in stream}
        print(f"{options.stream}: {len(stream)} questions of {len(intents)} intents, in this order")
        if options.in_memory:
            on_stream.evaluate(stream)
        else:
            on_gateway.evaluate(stream)
        return
    path = options.pairs or DATA / "cache_pairs_sample.jsonl"
    train = pairs.load(options.train) if options.train else None
    tested = pairs.load(path)
    try:
        on_pairs.evaluate(path, tested, options.train, train, folds=options.folds, seeds=options.seeds)
    except training.TooFewPairsError as error:
        raise SystemExit(f"{options.train or path}: {error}") from error


if __name__ == "__main__":
    main()
