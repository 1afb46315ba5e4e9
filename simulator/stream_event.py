"""One event of a streamed answer, rendered. What it carries is known beside its bytes: a stream that ends early is counted exactly."""

from __future__ import annotations

import msgspec


class StreamEvent(msgspec.Struct, frozen=True):
    """`tokens` is the output it carries; `is_content` tells chunks of the answer from the frame around them."""

    data: bytes
    tokens: int = 0
    is_content: bool = False
