"""Votes and judgements for tests of the tab Quality: made at random, and counted in Python the slow way."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from uuid import UUID

from gateway.models import Feedback, Judgement
from gateway.quality.agreement import Confusion
from gateway.quality.figures import Counts
from tenants.ids import uuid7


@dataclass(frozen=True)
class Answer:
    """`votes`: "up" and "down"; `score` None: not judged, 0: without a valid verdict."""

    at: dt.datetime
    task: str = "sum"
    model: str = "m1"
    provider: str = "p1"
    tags: tuple[str, ...] = ()
    votes: tuple[str, ...] = ()
    score: int | None = None
    is_self: bool = False
    characters: int = 0


def at_random(rng: random.Random, at: dt.datetime) -> Answer:
    return Answer(
        at,
        task=rng.choice(["", "sum", "sort"]),
        model=rng.choice(["m1", "m2"]),
        provider=rng.choice(["p1", "p2"]),
        tags=tuple(rng.sample(["prompt:v1", "prompt:v2", "beta"], rng.randrange(3))),
        votes=tuple(rng.choice(["up", "up", "down"]) for _ in range(rng.choice([0, 1, 1, 2]))),
        score=rng.choice([None, 0, 1, 2, 3, 4, 5, 5]),
        is_self=rng.random() < 0.2,
    )


def put(tenant_id: UUID, answers: Iterable[Answer]) -> None:
    votes, judgements = [], []
    for answer in answers:
        request_id = UUID(int=uuid7(int(answer.at.timestamp() * 1000)).int & ~0xFF)
        of = {"task": answer.task, "model": answer.model, "provider": answer.provider, "tags": list(answer.tags)}
        votes += [
            Feedback(
                tenant_id=tenant_id, request_id=request_id, voter=f"user:{place}", source="api", rating=rating, created_at=answer.at,
                changed_at=answer.at, asked_at=answer.at, matched_at=answer.at, **of,
            )
            for place, rating in enumerate(answer.votes)
        ]  # fmt: skip
        if answer.score is not None:
            is_scored = answer.score > 0
            judgements.append(
                Judgement(
                    tenant_id=tenant_id, request_id=request_id, status="scored" if is_scored else "invalid", answered_at=answer.at,
                    score=answer.score if is_scored else None, is_good=answer.score >= 4 if is_scored else None, judged_at=answer.at,
                    is_self=answer.is_self, judge="judge", answer_characters=answer.characters, **of,
                )
            )  # fmt: skip
    Feedback.objects.bulk_create(votes)
    Judgement.objects.bulk_create(judgements)


def counted(answers: Iterable[Answer]) -> Counts:
    total = Counts()
    for answer in answers:
        up, down = answer.votes.count("up"), answer.votes.count("down")
        good, is_scored = (answer.score or 0) >= 4, bool(answer.score)
        both = [0, 0, 0, 0]
        if is_scored and up != down:
            both[(0 if good else 2) + (0 if up > down else 1)] = 1
        total += Counts(up, down, int(is_scored and good), int(is_scored), int(answer.score == 0), Confusion(*both))
    return total


def grouped(answers: Iterable[Answer], key: Callable[[Answer], Iterable[str]]) -> dict[str, Counts]:
    """By each of the values that `key` has of an answer; groups of which nothing is known are left out."""
    found: dict[str, list[Answer]] = {}
    for answer in answers:
        for value in key(answer):
            found.setdefault(value, []).append(answer)
    return {value: counts for value, of in found.items() if (counts := counted(of)) != Counts()}
