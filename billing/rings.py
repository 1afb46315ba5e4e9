"""The last minute of a limit's subject as Redis keeps it: a ring of slots of a few seconds, packed into one field of a counters' hash.

What moves it is the gateway's scripts/ring.lua, which packs it the same way. An older version packed it otherwise, under another name.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

SLOT_SECONDS, SLOTS = 3, 21  # 20 whole slots and the present one cover any 60 s
_HEAD, _SLOT = struct.Struct(">IdId"), struct.Struct(">Id")
BYTES = _HEAD.size + SLOTS * _SLOT.size


class State(NamedTuple):
    """`head`: the latest slot, in slots since 1970. `held`: tokens that requests under way hold. By place, which is a slot's number modulo
    `SLOTS`: requests, and tokens used and held."""

    head: int
    held: int
    requests: list[int]
    tokens: list[int]


def field(subject: str) -> str:
    """The field's name, for `dimension|subject`; an end user's own hash has the subject left out."""
    return f"minute|{subject}"


def pack(state: State) -> bytes:
    slots = b"".join(map(_SLOT.pack, state.requests, state.tokens))
    return _HEAD.pack(state.head, state.held, sum(state.requests), sum(state.tokens)) + slots


def unpack(data: bytes) -> State:
    """Raises `struct.error` for what is no ring."""
    head, held, _, _ = _HEAD.unpack_from(data)
    slots = list(_SLOT.iter_unpack(data[_HEAD.size :]))
    return State(head, int(held), [requests for requests, _ in slots], [int(tokens) for _, tokens in slots])
