"""What comes back from a question: sums, exact, and sketches of distributions."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields
from decimal import Decimal
from typing import Any

from dashboards.measures import STEPS
from dashboards.sketches import UNITS, Sketch


@dataclass(frozen=True)
class Sums:
    """Every measure of `dashboards.measures`, added up; those that were not asked for are 0. `steps_us` is by step of the pipeline."""

    requests: int = 0
    answered: int = 0
    client_left: int = 0
    errors: int = 0
    errors_rate_limit: int = 0
    errors_timeout: int = 0
    errors_content_filter: int = 0
    errors_model: int = 0
    errors_provider: int = 0
    errors_budget: int = 0
    errors_request: int = 0
    errors_tollgate: int = 0
    calls: int = 0
    failed_calls: int = 0
    retries: int = 0
    fallbacks: int = 0
    escalations: int = 0
    cache_hits: int = 0
    cache_semantic: int = 0
    cache_stale: int = 0
    cache_misses: int = 0
    cache_bypassed: int = 0
    cache_repeats: int = 0
    timed: int = 0
    slow: int = 0
    latency_us: int = 0
    input_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    context_tokens_before: int = 0
    context_tokens_after: int = 0
    cost_usd: Decimal = Decimal(0)
    saved_exact_usd: Decimal = Decimal(0)
    saved_semantic_usd: Decimal = Decimal(0)
    saved_prefix_usd: Decimal = Decimal(0)
    saved_cascade_usd: Decimal = Decimal(0)
    estimated: int = 0
    unpriced: int = 0
    steps_us: dict[str, int] = field(default_factory=dict)

    @property
    def saved_usd(self) -> Decimal:
        return self.saved_exact_usd + self.saved_semantic_usd + self.saved_prefix_usd + self.saved_cascade_usd


_KINDS: dict[str, Any] = {
    item.name: Decimal if item.type == "Decimal" else int for item in fields(Sums) if item.name != "steps_us"
}
STEP_COLUMNS = {f"step_{step}_us": step for step in STEPS}


def sums(names: tuple[str, ...], values: tuple[Any, ...]) -> Sums:
    """From what PostgreSQL added up, NULL for nothing."""
    found: dict[str, Any] = {}
    steps: dict[str, int] = {}
    for name, value in zip(names, values, strict=True):
        if value is None:
            continue
        if name in STEP_COLUMNS:
            steps[STEP_COLUMNS[name]] = int(value)
        else:
            found[name] = _KINDS[name](value)
    return Sums(**found, steps_us=steps)


@dataclass(frozen=True)
class Row:
    """What was added up for one step of the range (0 where it was not asked by steps) and one group: a value for each dimension asked by,
    None for all that are not among the top ones.
    """

    step: int
    group: tuple[str | None, ...]
    sums: Sums
    sketches: Mapping[str, Sketch] = field(default_factory=dict)

    def quantile(self, kind: str, share: float) -> float | None:
        """In milliseconds, tokens a second or USD; None where there is nothing."""
        sketch = self.sketches.get(kind)
        return sketch.quantile(share) if sketch else None


def merged(rows: Collection[Row]) -> Row:
    """All of the rows as one."""
    added = {name: sum((getattr(row.sums, name) for row in rows), kind()) for name, kind in _KINDS.items()}
    steps = {step for row in rows for step in row.sums.steps_us}
    kinds = {kind for row in rows for kind in row.sketches}
    return Row(
        step=0,
        group=(),
        sums=Sums(**added, steps_us={step: sum(row.sums.steps_us.get(step, 0) for row in rows) for step in steps}),
        sketches={
            kind: sketch(kind, b"".join(row.sketches[kind].data for row in rows if kind in row.sketches))
            for kind in kinds
        },
    )


def without(row: Row, others: Collection[Row]) -> Row:
    """What is left of a row's sums when those of others, which are among them, are taken away."""
    gone = merged(others).sums
    left = {name: getattr(row.sums, name) - getattr(gone, name) for name in _KINDS}
    steps = {step: value - gone.steps_us.get(step, 0) for step, value in row.sums.steps_us.items()}
    return Row(row.step, row.group, Sums(**left, steps_us=steps))


def sketch(kind: str, data: bytes | None) -> Sketch:
    return Sketch(bytes(data or b""), UNITS[kind])
