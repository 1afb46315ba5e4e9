"""Which of the older turns have to do with what the user asks now: by the cosine of embeddings. Pure; the vectors come from elsewhere.

A candidate is one exchange of a round that would go: a plain question with its answer, or one step of tool calls with its results, which is
then kept together with the round's question. A step is compared as the answer to that question: its pieces begin with it.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from gateway.context import texts
from gateway.context.turns import Conversation, Kind

PIECE = 1000  # characters; what sentence encoders read at once
ASKED = 240  # characters of a round's question before each piece of its steps
MOST_PIECES = 4  # of one candidate
MOST_TEXTS = 96  # in one request, the newest
Vector = Sequence[float]


class Candidate(NamedTuple):
    """Units that may come back, and the pieces of text they are known by."""

    units: tuple[int, ...]
    pieces: tuple[str, ...]


def question(conversation: Conversation) -> str:
    """What the others are compared with."""
    return texts.of(conversation.messages[conversation.last_words])[-PIECE:]


def candidates(conversation: Conversation, cut: int) -> list[Candidate]:
    """The exchanges before unit `cut` that would go, newest first."""
    stays = set(conversation.kept(cut))
    found: list[Candidate] = []
    count = 0
    for members in reversed(conversation.rounds):
        gone = [index for index in members if index not in stays]
        if not gone:
            continue
        steps = [index for index in gone if conversation.units[index].kind is Kind.STEP]
        words = [index for index in gone if conversation.units[index].kind is not Kind.STEP]
        groups: list[tuple[int, ...]] = [(index,) for index in reversed(steps)]
        if words:
            groups.append(tuple(words))
        for group in groups:
            pieces = _pieces(conversation, group, members)
            count += len(pieces)
            if count > MOST_TEXTS:
                return found
            if pieces:
                found.append(Candidate(group, pieces))
    return found


def _pieces(conversation: Conversation, group: tuple[int, ...], members: list[int]) -> tuple[str, ...]:
    text = _text(conversation, group)
    is_step = conversation.units[group[0]].kind is Kind.STEP
    asks = [index for index in members if is_step and conversation.units[index].kind is Kind.ASK]
    asked = _text(conversation, asks)[:ASKED]
    return tuple(
        f"{asked}\n{text[at : at + PIECE]}".strip() for at in range(0, min(len(text), PIECE * MOST_PIECES), PIECE)
    )


def _text(conversation: Conversation, indexes: Iterable[int]) -> str:
    spans = (conversation.units[index] for index in indexes)
    messages = (message for unit in spans for message in conversation.messages[unit.first : unit.end])
    return "\n".join(map(texts.of, messages)).strip()


def ranked(
    found: Sequence[Candidate], asked: Vector, vectors: Sequence[Sequence[Vector]], *, least: float
) -> list[Candidate]:
    """The candidates at least that similar, the most similar first; of equals the newer. `vectors`: of each one's pieces."""
    scores = [max(_cosine(asked, vector) for vector in pieces) for pieces in vectors]
    order = sorted(range(len(found)), key=lambda index: -scores[index])
    return [found[index] for index in order if scores[index] >= least]


def _cosine(left: Vector, right: Vector) -> float:
    """Of unit vectors."""
    return float(sum(map(operator.mul, left, right)))
