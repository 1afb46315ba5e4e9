"""The right to rate one answer, in a text that may be handed to whoever reads it: a browser, a mail.

A token names the tenant, the request and, by a hash, the end user that the answer was for: no name stands in a link that may be passed on.
Whoever holds it has that one reader's vote on that one answer, and nothing else. How long it holds is the request's age, which its id
tells: as long as votes on an answer are taken at all.

Making one takes about three microseconds, and is done for answers whose caller asked for it.
"""

from __future__ import annotations

import hashlib
from typing import NamedTuple
from uuid import UUID

from tenants.sealed import Seal

PREFIX = "tgf-"
_SEAL = Seal("feedback")
_READER_BYTES = 8  # enough to tell the readers of one answer apart
_NOBODY = bytes(_READER_BYTES)


class Ticket(NamedTuple):
    """What a token says. `reader`: whose vote it is, as `Feedback.voter` has it."""

    tenant_id: UUID
    request_id: UUID
    reader: str


def issue(tenant_id: UUID, request_id: UUID, end_user: str) -> str:
    """The token for the answer to that request."""
    return PREFIX + _SEAL.close(tenant_id.bytes + request_id.bytes + _hash(tenant_id, end_user))


def read(token: str) -> Ticket | None:
    """What the token says, however old; None if it is not one of ours."""
    content = _SEAL.open(token.removeprefix(PREFIX)) if token.startswith(PREFIX) else None
    if content is None:
        return None
    tenant_id, request_id, reader = UUID(bytes=content[:16]), UUID(bytes=content[16:32]), content[32:]
    return Ticket(tenant_id, request_id, _voter(reader))


def reader(tenant_id: UUID, end_user: str) -> str:
    """The voter that an end user is, whether the vote comes by key or by token; empty name: whoever was handed the answer."""
    return _voter(_hash(tenant_id, end_user))


def _hash(tenant_id: UUID, end_user: str) -> bytes:
    if not end_user:
        return _NOBODY
    return hashlib.sha256(tenant_id.bytes + end_user.encode()).digest()[:_READER_BYTES]


def _voter(reader: bytes) -> str:
    return f"user:{reader.hex()}" if reader != _NOBODY else "reader"
