"""`make train-verifier PAIRS=file.jsonl`: trains the verifier that Tollgate comes with and writes it as plain numbers.

The same pairs give the same file, on the same versions of scikit-learn and numpy. The scores in it, from which thresholds are chosen, are
cross-validated: each pair's is from a model that has seen neither of its questions.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from pathlib import Path
from typing import Any

from benchmarks.cache import pairs as files
from gateway.caching.verify import shipped, training
from gateway.caching.verify.verifier import LEAST_SIMILARITY
from gateway.embedders import minilm


def main() -> None:
    parser = argparse.ArgumentParser(prog="make train-verifier", description=__doc__)
    parser.add_argument("--pairs", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=shipped.PATH)
    options = parser.parse_args()
    content = trained(options.pairs)
    options.out.write_text(json.dumps(content, separators=(",", ":")) + "\n", encoding="utf-8")
    print(
        f"{options.out}: version {content['version']}, {content['pairs']} pairs, {options.out.stat().st_size / 1000:.0f} kB, "
        f"{len(content['scores'])} scores for thresholds"
    )


def trained(path: Path) -> dict[str, Any]:
    pairs = files.load(path)
    if len({pair.is_same for pair in pairs}) < 2:
        raise SystemExit(f"{path}: needs pairs that ask the same and pairs that do not")
    table = training.tabulate(pairs)
    try:
        made = training.fit(table)
    except training.TooFewPairsError as error:
        raise SystemExit(f"{path}: {error}") from error
    unseen = training.labelled(table, made.unseen, least_similarity=LEAST_SIMILARITY)
    model = made.payload
    digest = hashlib.sha256(json.dumps(model, sort_keys=True).encode()).hexdigest()
    return {
        "version": f"{model['format']}-{digest[:10]}",
        "embedder": minilm.NAME,
        "model": model,
        "scores": [[round(one.score, 4), int(one.is_right)] for one in unseen],
        "pairs": len(pairs),
        "questions": files.marks(pairs),
    }


if __name__ == "__main__":
    main()
