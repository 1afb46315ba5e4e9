"""What stands between a provider's stream and the caller's: one event in, the caller's bytes out, and what was learnt on the way."""

from __future__ import annotations

from typing import Protocol

from gateway.providers.sse import Event
from gateway.types import Usage


class Relay(Protocol):
    """Readable at any time: `usage` (None until the provider reports any), `finish_reason`, how much was produced (as `tokens.written`
    counts), and whether the provider said that the stream is over."""

    @property
    def usage(self) -> Usage | None: ...
    @property
    def finish_reason(self) -> str: ...
    @property
    def produced_bytes(self) -> int: ...
    @property
    def deltas(self) -> int: ...
    @property
    def is_complete(self) -> bool: ...

    def feed(self, event: Event) -> bytes:
        """The caller's bytes for `event`. Raises an `UpstreamError` if the provider reports one or sends what cannot be read."""
        ...

    def end(self) -> None:
        """The provider's stream is over; `is_complete` then says whether that was all of it."""
        ...

    def finish(self) -> bytes:
        """What the caller still needs once a complete stream has ended."""
        ...
