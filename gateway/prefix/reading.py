"""The prefixes of a request: its tools, its head (tools and instructions) and what goes up to each message. Decides nothing.

A prefix is known by a number made of the very bytes that the caller sent, since the same bytes become the same prompt. The numbers are
Python's own hashes: quick, of 64 bits, and good for statistics in this process only.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from gateway.types import Endpoint, Request

INSTRUCTIONS = frozenset({"system", "developer"})
# What a provider renders into the prompt besides, before the messages or among them; a change there is another prefix.
OF_HEAD = ("response_format", "output_config", "output_format", "mcp_servers", "container")
OF_MESSAGES = ("tool_choice", "parallel_tool_calls", "thinking", "reasoning_effort", "speed")
BYTES_PER_TOKEN = 3.5  # JSON's signs included; too high a guess loses a mark near the minimum length, and nothing else
OPENING = 4096  # bytes of the user's first message, which tell a conversation from others
_raws = msgspec.json.Decoder(list[msgspec.Raw])


class Prompt(NamedTuple):
    """Sizes are in bytes. `tools` and `head` are 0 where there are none; `head_parts` is what the head is made of, `opening` how the user's
    first message begins, as they came. `ends`: the prefix up to and with each message; `sizes`: those of the messages, `base` of what
    stands before them.

    `turn`: the last message, if a mark may follow it, else -1. `answers`: how often somebody has answered. `has_system`: whether
    instructions stand first, where a mark may follow them.
    """

    tools: int
    tools_size: int
    may_mark_tools: bool
    head: int
    head_size: int
    head_parts: tuple[bytes, ...]
    has_system: bool
    opening: bytes
    ends: list[int]
    sizes: list[int]
    base: int
    turn: int
    answers: int

    @property
    def is_opening(self) -> bool:
        return not self.answers

    @property
    def size(self) -> int:
        return self.base + sum(self.sizes)

    def size_up_to(self, at: int) -> int:
        """With message `at`."""
        return self.base + sum(self.sizes[: at + 1])


def likely_tokens(size: int) -> int:
    """How many tokens so many bytes of a request probably are."""
    return int(size / BYTES_PER_TOKEN)


def read(request: Request, *, follows: bool = True) -> Prompt:
    """The prefixes of a chat or messages request. Linear in its size: some 50 µs for 50 kB. `follows`: whether the conversation matters;
    else `ends` is empty."""
    raw, body = request.raw, request.body
    messages: list[Any] = body.messages  # type: ignore[attr-defined]
    parts = [bytes(part) for part in _raws.decode(raw["messages"])]
    tools = bytes(raw["tools"]) if getattr(body, "tools", None) else b""
    instructions, has_system = _instructions(request, parts)
    kind = request.endpoint.value
    tools_key = hash((kind, tools)) if tools else 0
    seeds = tuple([bytes(raw[name]) for name in OF_HEAD if name in raw])
    head_key = hash((kind, tools, instructions, seeds)) if tools or instructions else 0
    settings = tuple([bytes(raw[name]) for name in OF_MESSAGES if name in raw])
    key = hash((kind, head_key, seeds, settings))
    ends = []
    for part in parts if follows else ():
        key = hash((key, part))
        ends.append(key)
    head_size = len(tools) + sum(map(len, instructions))
    is_chat = request.endpoint is Endpoint.CHAT
    return Prompt(
        tools=tools_key,
        tools_size=len(tools),
        may_mark_tools=bool(tools) and b'"defer_loading"' not in tools,  # Anthropic refuses both on one tool
        head=head_key,
        head_size=head_size,
        head_parts=(tools, *instructions),
        has_system=has_system,
        opening=next((part for part, one in zip(parts, messages, strict=True) if one.role == "user"), b"")[:OPENING],
        ends=ends,
        sizes=list(map(len, parts)),
        base=len(tools) if is_chat else head_size,
        turn=_turn(messages),
        answers=sum(message.role == "assistant" for message in messages),
    )


def _instructions(request: Request, parts: list[bytes]) -> tuple[tuple[bytes, ...], bool]:
    """The system prompt, wherever the format has it, and whether it stands first."""
    if request.endpoint is Endpoint.MESSAGES:
        has_any = bool(getattr(request.body, "system", None))
        return ((bytes(request.raw["system"]),) if has_any else ()), has_any
    messages: list[Any] = request.body.messages  # type: ignore[attr-defined]
    found = [part for part, message in zip(parts, messages, strict=True) if message.role in INSTRUCTIONS]
    return tuple(found), messages[0].role in INSTRUCTIONS


def _turn(messages: list[Any]) -> int:
    """The last message, if it is the user's or a tool's and ends in something that may be marked."""
    last = messages[-1]
    if last.role not in ("user", "tool"):
        return -1
    content = last.content
    if not content:
        return -1
    if isinstance(content, str):
        return len(messages) - 1 if content.strip() else -1
    end = content[-1]
    return len(messages) - 1 if end.type != "text" or (end.text or "").strip() else -1


def blocks(messages: list[Any]) -> int:
    """How many content blocks so many messages have."""
    return sum(len(message.content) if isinstance(message.content, list) else 1 for message in messages)
