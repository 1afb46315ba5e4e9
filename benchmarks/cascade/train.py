"""`make train-cascade DATA=file.jsonl`: trains the shared model that Tollgate comes with and writes it as plain numbers."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from benchmarks.cascade import data
from gateway.quality import measuring, shipped, training


def main() -> None:
    parser = argparse.ArgumentParser(prog="make train-cascade", description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=shipped.PATH)
    options = parser.parse_args()
    pairs = data.load(options.data)
    rows = data.weak_rows(pairs)
    scored = training.cross_scored(rows)
    content = {
        "payload": training.fit(rows),
        "metrics": measuring.measure(scored).as_json(),
        "scores": [[round(one.probability, 4), int(one.is_good)] for one in scored],
        "rows": len(rows),
        "prompts": data.prompt_marks(pairs),
    }
    options.out.write_text(json.dumps(content, separators=(",", ":")) + "\n", encoding="utf-8")
    print(f"{options.out}: {len(rows)} rows, {options.out.stat().st_size / 1000:.0f} kB, {content['metrics']}")


if __name__ == "__main__":
    main()
