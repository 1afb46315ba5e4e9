"""Labelled answers for tests: small sums, right or wrong in ways that show."""

from __future__ import annotations

import json
import random
from pathlib import Path

from gateway.quality.training import Row

SAMPLE = Path("benchmarks/data/cascade_sample.jsonl")


def rows(count: int, *, seed: int = 0, good_means_right: bool = True) -> list[Row]:
    """Different prompts; half of the answers reckon rightly. Otherwise said, the wrong ones are the good ones."""
    chance = random.Random(seed)
    made = []
    for number in range(count):
        left, right = chance.randint(2, 99), chance.randint(2, 99)
        is_right = chance.random() < 0.5
        value = left * right + (0 if is_right else chance.randint(1, 9) * 10)
        prompt = f"Order {seed}-{number}: {left} boxes of {right} lamps arrive. How many lamps are there?"
        made.append(Row(prompt, f"{left} * {right} = {value} lamps.\n#### {value}", is_right is good_means_right))
    return made


def as_lines(labelled: list[Row]) -> str:
    return "".join(
        json.dumps({"prompt": row.prompt, "answer": row.answer, "good": row.is_good, "weight": row.weight}) + "\n"
        for row in labelled
    )
