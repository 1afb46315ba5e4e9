"""A cached answer as bytes: times, a head that says what it is, and the answer itself, compressed where that pays.

    four doubles: made, fresh until, ends, request admitted (Unix ms)   u16: the head's length   head: msgpack array   body

The times are written and read by the scripts that store and find it (`stores/scripts/entries.lua`), by Redis's clock.
"""

from __future__ import annotations

import struct
import zlib

import msgspec

from gateway.types import Usage

TIMES_BYTES = 32
COMPRESSED_FROM, COMPRESSED_TO = (
    1024,
    65_536,
)  # bytes; below there is little to gain, above others would feel the time it takes
LEAST_GAIN = 0.9  # of the size; what would stay larger is kept as it is
LEVEL = 1
_SIZE = struct.Struct(">H")


class Broken(Exception):
    """What was found is no entry."""


class Head(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """What an answer is, and whose. `task`, `key_id`, `tags` and `end_user` stand at places that the scripts know: it can be purged by
    them."""

    task: str
    key_id: str
    tags: tuple[str, ...]
    provider: str
    model: str
    usage: Usage
    cost_nanousd: int
    is_compressed: bool = False
    checksum: int = 0  # CRC-32 of the answer as it is kept
    end_user: str = ""  # who asked; others may be given it, unless the policy keeps them apart


class Entry(msgspec.Struct, frozen=True, gc=False):
    """A cached answer: whole, in the format of the surface that it was asked on."""

    head: Head
    body: bytes


_encoder = msgspec.msgpack.Encoder()
_heads = msgspec.msgpack.Decoder(Head)


def pack(head: Head, body: bytes) -> bytes:
    """The entry without its times."""
    kept = zlib.compress(body, LEVEL) if COMPRESSED_FROM <= len(body) <= COMPRESSED_TO else body
    is_compressed = len(kept) < len(body) * LEAST_GAIN
    if not is_compressed:
        kept = body
    head = msgspec.structs.replace(head, is_compressed=is_compressed, checksum=zlib.crc32(kept))
    packed = _encoder.encode(head)
    return _SIZE.pack(len(packed)) + packed + kept


def unpack(data: bytes) -> Entry:
    """The entry, as the scripts give it. Raises `Broken`."""
    try:
        (size,) = _SIZE.unpack_from(data, TIMES_BYTES)
        begin = TIMES_BYTES + _SIZE.size
        head = _heads.decode(data[begin : begin + size])
        body = data[begin + size :]
        if zlib.crc32(body) != head.checksum:
            raise Broken
        return Entry(head, zlib.decompress(body) if head.is_compressed else body)
    except (struct.error, msgspec.MsgspecError, zlib.error) as error:
        raise Broken from error
