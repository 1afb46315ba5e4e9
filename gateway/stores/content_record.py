"""What was asked and answered, on its way from the gateway to where it is stored: what is appended to the tenant's content stream.

As it came, nothing left out: a worker does that, off the request's way. Encoded as a msgpack array; new fields go to the end, with a
default.
"""

from __future__ import annotations

from uuid import UUID

import msgspec

MOST_PROMPT_BYTES = 2_000_000
MOST_ANSWER_BYTES = 4_000_000  # of a stream, whose events are many times the text that they bring


class ContentRecord(msgspec.Struct, array_like=True, frozen=True):
    """`prompt` is the request's body and `answer` what the caller was given, in the endpoint's format; each cut at the most that is taken
    along, `prompt_bytes` and `answer_bytes` being the whole. `is_stream`: the answer is the events of a stream. `redacts`: as the
    policy said when the request came.
    """

    request_id: UUID
    accepted_ms: int
    endpoint: str
    end_user: str
    task: str
    is_stream: bool
    redacts: bool
    prompt: bytes
    prompt_bytes: int
    answer: bytes
    answer_bytes: int


class Heard:
    """What a stream has told so far, up to the most that is taken along; `size` counts all of it."""

    __slots__ = ("_parts", "size")

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self.size = 0

    def add(self, part: bytes) -> None:
        if self.size < MOST_ANSWER_BYTES:
            self._parts.append(part)
        self.size += len(part)

    def content(self) -> bytes:
        return b"".join(self._parts)[:MOST_ANSWER_BYTES]


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(ContentRecord)


def encode(record: ContentRecord) -> bytes:
    return _encoder.encode(record)


def decode(data: bytes) -> ContentRecord:
    """Raises `msgspec.DecodeError` or `msgspec.ValidationError` if `data` is no record."""
    return _decoder.decode(data)
