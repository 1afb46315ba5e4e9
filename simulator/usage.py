"""Tokens used by one request, in one shape for both providers; the formats render it their own way."""

from __future__ import annotations

import msgspec


class Usage(msgspec.Struct, frozen=True):
    """`input_tokens` is the whole prompt, cache reads and writes included; `output_tokens` includes reasoning."""

    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_5m_tokens: int = 0
    cache_write_1h_tokens: int = 0
    reasoning_tokens: int = 0

    def plus(self, other: Usage) -> Usage:
        return Usage(
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            self.cache_read_tokens + other.cache_read_tokens,
            self.cache_write_5m_tokens + other.cache_write_5m_tokens,
            self.cache_write_1h_tokens + other.cache_write_1h_tokens,
            self.reasoning_tokens + other.reasoning_tokens,
        )

    def with_output(self, output_tokens: int) -> Usage:
        """The same prompt with another amount of output, as when a stream ended early."""
        return msgspec.structs.replace(
            self, output_tokens=output_tokens, reasoning_tokens=min(self.reasoning_tokens, output_tokens)
        )
