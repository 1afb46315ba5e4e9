"""Usage, counted one way for both formats, and told in either.

Anthropic's `input_tokens` exclude what was read from and written to the cache; OpenAI's `prompt_tokens` include it.

Tenants name providers of their own, so counts are anybody's word: none is taken for less than nothing, which would give a budget back, nor
for more than can be stored.
"""

from __future__ import annotations

from typing import Any

import msgspec

from gateway.types import Usage

MOST = 1_000_000_000  # far more than any answer has


def _bounded(tokens: int | None) -> int:
    return min(max(tokens or 0, 0), MOST)


class _CacheCreation(msgspec.Struct):
    ephemeral_5m_input_tokens: int = 0
    ephemeral_1h_input_tokens: int = 0


class _OutputDetails(msgspec.Struct):
    thinking_tokens: int | None = None


class MessagesUsage(msgspec.Struct):
    """Anthropic's, as it comes in an answer, in message_start and in message_delta; absent counts are None."""

    input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_creation: _CacheCreation | None = None
    output_tokens: int | None = None
    output_tokens_details: _OutputDetails | None = None

    def update(self, newer: MessagesUsage) -> None:
        """Counts in a stream are cumulative: each one that is given replaces the one before."""
        for field in self.__struct_fields__:
            value = getattr(newer, field)
            if value is not None:
                setattr(self, field, value)

    def counted(self) -> Usage:
        read, split = _bounded(self.cache_read_input_tokens), self.cache_creation
        write_1h = _bounded(split.ephemeral_1h_input_tokens) if split else 0
        if self.cache_creation_input_tokens is not None:
            written = _bounded(self.cache_creation_input_tokens)
        else:  # only the split is told
            written = write_1h + (_bounded(split.ephemeral_5m_input_tokens) if split else 0)
        write_1h = min(write_1h, written)  # a stream's last event may correct the sum, never the split
        details = self.output_tokens_details
        return Usage(
            input_tokens=_bounded(self.input_tokens) + read + written,
            cache_read_tokens=read,
            cache_write_5m_tokens=written - write_1h,
            cache_write_1h_tokens=write_1h,
            output_tokens=_bounded(self.output_tokens),
            reasoning_tokens=_bounded(details.thinking_tokens) if details else 0,
        )


class _PromptDetails(msgspec.Struct):
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None


class _CompletionDetails(msgspec.Struct):
    reasoning_tokens: int | None = None


class ChatUsage(msgspec.Struct):
    """OpenAI's, of chat completions and embeddings."""

    prompt_tokens: int = 0
    completion_tokens: int | None = None
    prompt_tokens_details: _PromptDetails | None = None
    completion_tokens_details: _CompletionDetails | None = None

    def counted(self) -> Usage:
        prompt, completion = self.prompt_tokens_details, self.completion_tokens_details
        return Usage(
            input_tokens=_bounded(self.prompt_tokens),
            cache_read_tokens=_bounded(prompt.cached_tokens) if prompt else 0,
            cache_write_5m_tokens=_bounded(prompt.cache_write_tokens) if prompt else 0,
            output_tokens=_bounded(self.completion_tokens),
            reasoning_tokens=_bounded(completion.reasoning_tokens) if completion else 0,
        )


def for_chat(usage: Usage) -> dict[str, Any]:
    """As OpenAI tells it."""
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
        "prompt_tokens_details": {
            "cached_tokens": usage.cache_read_tokens,
            "cache_write_tokens": usage.cache_write_5m_tokens + usage.cache_write_1h_tokens,
        },
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
    }


def for_messages(usage: Usage) -> dict[str, Any]:
    """As Anthropic tells it."""
    written = usage.cache_write_5m_tokens + usage.cache_write_1h_tokens
    return {
        "input_tokens": max(0, usage.input_tokens - usage.cache_read_tokens - written),
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": usage.cache_read_tokens,
        "output_tokens": usage.output_tokens,
        "output_tokens_details": {"thinking_tokens": usage.reasoning_tokens},
    }
