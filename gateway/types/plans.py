"""What the router decided: which models are to be tried, in which order, and why."""

from __future__ import annotations

import msgspec

from gateway.types.catalog import Model


class Attempt(msgspec.Struct, frozen=True, gc=False):
    """One call that a plan proposes, and why."""

    model: Model
    reason: str


class Dropped(msgspec.Struct, frozen=True):
    """A candidate that a plan leaves out, and why."""

    model: str
    reason: str


class Cascade(msgspec.Struct, frozen=True):
    """The first attempt's answer is judged; if it is not good enough the next attempt answers instead.

    `target`: the greatest tolerated share of answers accepted though wrong, from which the threshold follows. `threshold`: an admin's
    own, on the probability that the answer is good.
    """

    target: float = 0.05
    threshold: float | None = None


class Plan(msgspec.Struct, frozen=True, gc=False):
    """What the router decided: attempts in the order in which they are to be tried.

    `first_byte_seconds`: how long an attempt may take to its first byte; None: as the process is set. `may_replay`: when all fail, an
    earlier answer may be given to a question whose similarity (cosine) is at least `replay_similarity`. `escapes_refusals`: what a model
    refuses for its content policy, the next one is asked.
    """

    attempts: tuple[Attempt, ...]
    task: str
    rule: str
    strategy: str = ""
    first_byte_seconds: float | None = None
    cascade: Cascade | None = None
    may_replay: bool = False
    replay_similarity: float = 0.85
    escapes_refusals: bool = False
    dropped: tuple[Dropped, ...] = ()
