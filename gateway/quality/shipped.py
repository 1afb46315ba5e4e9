"""The shared model that Tollgate comes with: numbers only, trained as docs/cascade.md says."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

PATH = Path(__file__).with_name("shared_model.json")


@cache
def read() -> dict[str, Any]:
    """{"payload", "metrics", "scores", "rows", "prompts"} as `benchmarks.cascade.train` wrote it."""
    content: dict[str, Any] = json.loads(PATH.read_text(encoding="utf-8"))
    return content
