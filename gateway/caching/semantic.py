"""What the semantic cache hands on from a gateway process to a worker: answers to keep, and hits to count, some of them to be checked.

Both go through a Redis stream of the tenant's, so that a request waits for neither. A *scope* is the digest of everything that must
be equal before two questions are even compared.
"""

from __future__ import annotations

import hashlib
from uuid import UUID

import msgspec

SCOPE_BYTES = 32
MOST_WAITING_ANSWERS = 1000  # in a tenant's stream; the oldest go when nobody empties it
MOST_WAITING_HITS = 20_000
MOST_BODY_BYTES = 200_000
MOST_QUESTION_CHARACTERS = 8_000
MOST_CHECKED_BYTES = 200_000  # of a request that is checked; larger ones are not


class Given(msgspec.Struct, array_like=True, frozen=True):
    """An answer on its way to the table. `body` is in the format of `surface`; `cost_nanousd` is what it cost.

    `kin` is the wider scope in which it may stand in when no model can answer; empty: never. It is given again for `fresh_seconds`,
    and stands in for `stale_seconds` after that. `vector` is the question's, float32, if the gateway has it; of `embedder`, whose
    name is in the scope.
    """

    scope: bytes
    kin: bytes
    task: str
    question: str
    surface: str
    is_stream: bool
    model: str
    provider: str
    body: bytes
    at_ms: int
    request_id: bytes
    fresh_seconds: int
    stale_seconds: int
    embedder: str
    vector: bytes = b""
    input_tokens: int = 0
    output_tokens: int = 0
    cost_nanousd: int = 0
    model_asked: str = ""
    key_id: str = ""
    end_user: str = ""
    tags: tuple[str, ...] = ()


class Hit(msgspec.Struct, array_like=True, frozen=True):
    """An answer that was given again. `origin` is the request that the answer was made for: an entry that is answered anew keeps its id.

    `score` is the verifier's, None where it was not asked. `sealed` is the request, encrypted, if the hit is to be checked; else empty.
    """

    request_id: bytes
    entry_id: bytes
    origin: bytes
    task: str
    similarity: float
    score: float | None
    at_ms: int
    sealed: str = ""


class Asked(msgspec.Struct, array_like=True, frozen=True):
    """A request as it is asked once more to check a hit. `key` is the SHA-256 of the secret it came with. Only ever kept encrypted."""

    endpoint: str
    key: str
    question: str
    content: bytes
    headers: dict[str, str]


def scope(*parts: str | bytes) -> bytes:
    """The digest of the parts, in their order. None of them can be mistaken for another's end."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8, "big"))
        digest.update(data)
    return digest.digest()


def is_sampled(request_id: UUID, share: float) -> bool:
    """Whether a hit is among the `share` (0 to 1) that are checked. Who is in a sample is in every larger one, whoever asks and when."""
    place = int.from_bytes(hashlib.blake2b(request_id.bytes, digest_size=8, person=b"hit-checks").digest(), "big")
    return place < share * 2**64
