"""What a request asks for, once its provider's format is out of the way. Both parsers make one, every answer is composed from one."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from simulator import tokens

Surface = Literal["openai", "anthropic"]
Ttl = Literal["5m", "30m", "1h"]


class Section(msgspec.Struct, frozen=True):
    """A run of the prompt. `text` identifies it to the prefix cache; `ttl` marks the end of a prefix to be cached."""

    text: str
    tokens: int
    ttl: Ttl | None = None


class Tool(msgspec.Struct, frozen=True):
    name: str
    schema: dict[str, Any]


class ToolChoice(msgspec.Struct, frozen=True):
    """`name` is set when one tool is demanded; `mode` is then "required"."""

    mode: Literal["auto", "none", "required"] = "auto"
    name: str | None = None
    may_be_parallel: bool = True


class Ask(msgspec.Struct, kw_only=True):
    surface: Surface
    model: str
    sections: list[Section]
    last_text: str = ""
    tool_results: list[str] = []
    image_count: int = 0
    document_count: int = 0
    is_prefilled: bool = False
    tools: list[Tool] = []
    tool_choice: ToolChoice = ToolChoice()
    wants_json: bool = False
    json_schema: dict[str, Any] | None = None
    max_tokens: int | None = None
    stops: list[str] = []
    choice_count: int = 1
    is_streamed: bool = False
    wants_usage_chunk: bool = False
    thinks: bool = False
    reasoning_effort: str | None = None
    top_logprobs: int | None = None
    cache_key: str = ""
    caches_explicitly: bool = False
    service_tier: str | None = None

    @property
    def input_tokens(self) -> int:
        """All tokens of the prompt, those that a cache may hold included."""
        return sum(section.tokens for section in self.sections) + tokens.REPLY_TOKENS
