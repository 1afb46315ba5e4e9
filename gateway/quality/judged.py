"""An answer on its way to its judge, as a gateway process hands it to a worker through a Redis stream. Pure."""

from __future__ import annotations

import msgspec

MOST_WAITING = 500  # in a tenant's stream, which is some 300 MB at the very most; the oldest go when nobody empties it
MOST_BYTES = 200_000  # of request and answer each; larger ones are not judged


class Texts(msgspec.Struct, array_like=True, frozen=True):
    """What was asked and answered, in the formats of `endpoint`. `key` is the SHA-256 of the secret it came with. Only ever kept
    encrypted."""

    endpoint: str
    key: str
    content: bytes
    body: bytes


class Taken(msgspec.Struct, array_like=True, frozen=True):
    """An answer that is to be judged. `sealed` are its texts, encrypted."""

    request_id: bytes
    at_ms: int
    task: str
    model: str
    provider: str
    tags: tuple[str, ...]
    sealed: str
