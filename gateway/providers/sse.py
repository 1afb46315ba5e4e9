"""Server-sent events: cutting a byte stream into events without changing a byte of them, but for comments that pretend to be ours.

Follows the WHATWG HTML standard, "Parsing an event stream": lines end in LF, CRLF or CR; an empty line ends an event.
"""

from __future__ import annotations

import msgspec

MAX_EVENT_BYTES = 16 * 1024 * 1024
OURS = b"x-tollgate"  # what our own comments begin with, which say a stream's cost


class Event(msgspec.Struct, frozen=True, gc=False):
    """`raw` is the event as it came, its empty line included. `data` is empty for a comment."""

    name: str
    data: bytes
    raw: bytes


class EventTooLarge(Exception):
    """An event is larger than `MAX_EVENT_BYTES`."""


class Splitter:
    """Feed it chunks, get the events that are complete. Keeps the rest for the next chunk."""

    __slots__ = ("_rest",)

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, chunk: bytes) -> list[Event]:
        """The events that `chunk` completes. Raises `EventTooLarge`."""
        buffer = self._rest + chunk if self._rest else chunk
        if b"\r" in buffer:
            # A CR at the very end may be half of a CRLF.
            held = b"\r" if buffer.endswith(b"\r") else b""
            buffer = buffer[: len(buffer) - len(held)].replace(b"\r\n", b"\n").replace(b"\r", b"\n") + held
        blocks = buffer.split(b"\n\n")
        self._rest = blocks.pop()
        if len(self._rest) > MAX_EVENT_BYTES:
            raise EventTooLarge
        return [_parse(block) for block in blocks if block]

    @property
    def has_rest(self) -> bool:
        """Whether an event was begun and not ended."""
        return bool(self._rest.strip())


def _parse(block: bytes) -> Event:
    raw = block + b"\n\n"
    if block.startswith(b"data: ") and b"\n" not in block:  # OpenAI's every event
        return Event("", block[6:], raw)
    name = ""
    data: list[bytes] = []
    for line in block.split(b"\n"):
        field, _, value = line.partition(b":")
        if value.startswith(b" "):
            value = value[1:]
        if not field and value.lstrip().lower().startswith(OURS):
            return _parse(_without_ours(block))
        if field == b"data":
            data.append(value)
        elif field == b"event":
            name = value.decode("utf-8", "replace")
    return Event(name, b"\n".join(data), raw)


def _without_ours(block: bytes) -> bytes:
    lines = block.split(b"\n")
    return b"\n".join(b":" if line.startswith(b":") and OURS in line.lower() else line for line in lines)
