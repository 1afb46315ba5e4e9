"""One search of the semantic cache: the message to PostgreSQL, and what comes back.

It names the tenant and the scope in its predicate, and works in a role that row-level security binds to the tenant: forgetting the
predicate would show nothing of anybody else. Which index serves is PostgreSQL's choice: a scope of a few thousand entries is compared
whole, by the index on tenant and scope; a larger one has an index of its own for nearest neighbours (`gateway.semantic.indexes`).
"""

from __future__ import annotations

import datetime as dt
import zlib
from array import array
from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from gateway import answers
from gateway.answers import Words
from gateway.caching import semantic
from gateway.types import Surface
from tenants.tenancy import ROLE

LOOKED_AT = 150  # by an index of its own; among so many the nearest is found in more than 98 of 100 searches
SERVER_SHARE = 0.9  # of the budget: then PostgreSQL gives up itself, and is not thought to be away
FOUND, NONE, LATE, BUSY, FAILED, AWAY = "found", "none", "late", "busy", "failed", "away"

_COLUMNS = (
    "id, similarity, question, CASE WHEN similarity >= {least} THEN body END, surface, is_stream, model, provider, request_id, "
    "input_tokens, output_tokens, cost_nanousd, answered_at"
)
SEARCH = (
    "SELECT set_config('role', '{role}', true), set_config('app.tenant_id', '{tenant}', true), "  # noqa: S608
    "set_config('hnsw.ef_search', '{looked_at}', true), set_config('hnsw.iterative_scan', 'strict_order', true), "
    "set_config('max_parallel_workers_per_gather', '0', true), set_config('statement_timeout', '{milliseconds}', true); "
    f"SELECT {_COLUMNS} FROM (SELECT *, 1 - distance AS similarity FROM (SELECT *, embedding::halfvec({{dimensions}}) <=> "
    "'{vector}'::halfvec({dimensions}) AS distance FROM gateway_semanticentry WHERE tenant_id = '{tenant}' AND {where} "
    "ORDER BY distance LIMIT {limit}) AS nearest) AS near ORDER BY distance, answered_at DESC"
)


class Candidate(NamedTuple):
    """An earlier question and its answer. `similarity` is the cosine of the questions; `packed` None: it is too far away to be read."""

    entry_id: UUID
    similarity: float
    question: str
    packed: bytes | None
    surface: Surface
    is_stream: bool
    model: str
    provider: str
    request_id: UUID  # that it was made for
    input_tokens: int
    output_tokens: int
    cost_nanousd: int
    answered_at: dt.datetime

    @property
    def body(self) -> bytes:
        """The answer in the format of `surface`, as it was given then."""
        if self.packed is None:
            raise ValueError("it is not as near as was asked for")
        return zlib.decompress(self.packed)

    @property
    def words(self) -> Words | None:
        """What the answer says; None if it cannot be read."""
        return (answers.of_stream if self.is_stream else answers.of_whole)(self.surface, self.body)


class Search(NamedTuple):
    """`outcome` is FOUND, NONE, LATE, BUSY, FAILED or AWAY; nearest candidates first, those below the least similarity among them."""

    outcome: str
    candidates: tuple[Candidate, ...] = ()

    def near(self) -> tuple[Candidate, ...]:
        """Those that are as near as was asked for."""
        return tuple(one for one in self.candidates if one.packed is not None)


def statement(
    tenant_id: UUID, where: str, vector: Sequence[float], least: float, limit: int, budget_seconds: float
) -> bytes:
    """The whole message. Everything in it is a number, hexadecimal or ours, so it needs no parameters, which several statements at once
    could not have."""
    numbers = array("d", vector).tolist()
    return SEARCH.format(
        role=ROLE,
        tenant=UUID(bytes=tenant_id.bytes),
        looked_at=LOOKED_AT,
        milliseconds=max(1, int(budget_seconds * SERVER_SHARE * 1000)),
        least=float(least),
        dimensions=len(numbers),
        vector=msgspec.json.encode(numbers).decode(),
        where=where,
        limit=int(limit),
    ).encode()


def literal(digest: bytes) -> str:
    if len(digest) != semantic.SCOPE_BYTES:
        raise ValueError("a scope is a digest")
    return f"\\x{digest.hex()}"


def candidate(row: Sequence[Any]) -> Candidate:
    entry_id, similarity, question, packed, surface, *rest = row
    return Candidate(entry_id, similarity, question, packed, Surface(surface), *rest)
