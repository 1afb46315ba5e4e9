"""The model that Tollgate comes with: numbers only, trained and measured as docs/semantic-verifier.md says."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from gateway.caching.verify import scorer
from gateway.caching.verify.scorer import Scorer
from gateway.caching.verify.thresholds import Labelled
from gateway.embedders import minilm

PATH = Path(__file__).with_name("verifier_model.json")


@dataclass(frozen=True, slots=True)
class Model:
    """`version` tells it from every other; `scores` are of pairs that their model had not seen, those that the guards let pass."""

    version: str
    scorer: Scorer
    scores: tuple[Labelled, ...]
    pairs: int
    questions: frozenset[int]  # marks of the texts it was trained on, see `benchmarks.cache.pairs.mark`


@cache
def read() -> Model:
    return parse(json.loads(PATH.read_text(encoding="utf-8")))


def parse(content: Mapping[str, Any]) -> Model:
    """What `benchmarks.cache.train` wrote. Raises `UnusableModelError`."""
    if content.get("embedder") != minilm.NAME:
        raise scorer.UnusableModelError(f"made for {content.get('embedder')} instead of {minilm.NAME}")
    return Model(
        version=str(content["version"]),
        scorer=scorer.parse(content["model"]),
        scores=tuple(Labelled(float(score), bool(is_right)) for score, is_right in content["scores"]),
        pairs=int(content["pairs"]),
        questions=frozenset(content["questions"]),
    )
