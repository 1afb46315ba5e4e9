"""A conversation in units that must stay together, for either format. Decides what may be left out alone; not what is left out.

A unit is an instruction (system, developer), an ask (the user's words), a reply (the assistant's) or a step: tool calls of the assistant
together with all their results, parallel ones included. A round is one or more asks and what follows until the next ask. Left out are
whole rounds from the oldest on, and within a round replies and steps, never its asks while something after them stays. So roles alternate
where they did before, the first message stays a user's, and no call loses its result.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from typing import Any, NamedTuple

import msgspec

from gateway.types import Surface

_RAWS = msgspec.json.Decoder(list[msgspec.Raw])
_MESSAGES = msgspec.json.Decoder(list[dict[str, Any]])
_MARKS = ("cache_control", "prompt_cache_breakpoint")
_QUOTED_MARKS = tuple(f'"{name}"'.encode() for name in _MARKS)


class Malformed(Exception):
    """The provider would refuse it, or it is of a kind that is not known here: to be left as it is."""


class Kind(enum.Enum):
    INSTRUCTION = "instruction"
    ASK = "ask"
    REPLY = "reply"
    STEP = "step"


class Message(NamedTuple):
    """`raw` is what goes on the wire, `data` the same decoded; neither is ever changed in place."""

    raw: msgspec.Raw
    data: dict[str, Any]

    @property
    def blocks(self) -> list[dict[str, Any]]:
        """The parts of its content, where that is a list."""
        content = self.data.get("content")
        return [block for block in content if isinstance(block, dict)] if isinstance(content, list) else []


class Unit(NamedTuple):
    """Messages `first` up to, but not including, `end`. `round` -1: before the first ask."""

    kind: Kind
    first: int
    end: int
    round: int

    @property
    def size(self) -> int:
        return self.end - self.first


class Conversation(NamedTuple):
    """`rounds` are the indexes of their units, instructions left out. `last_words` is the message with the user's last words,
    `marked` how many messages from the beginning the caller has marked for the provider's cache."""

    surface: Surface
    messages: list[Message]
    units: list[Unit]
    rounds: list[list[int]]
    last_words: int
    marked: int

    def kept(self, cut: int, also: Iterable[int] = ()) -> list[int]:
        """The units that stay, in order, when those before unit `cut` go but for the units `also`."""
        units = self.units
        stay = {index for index, unit in enumerate(units) if index >= cut or unit.kind is Kind.INSTRUCTION}
        for index in [*also, self._unit_of_last_words()]:
            stay.add(index)
            if index < cut:
                stay.update(self._frame(units[index].round))
        rest = next((index for index in range(cut, len(units)) if units[index].kind is not Kind.INSTRUCTION), None)
        if rest is not None:
            stay.update(self._head(units[rest].round))
        return sorted(stay)

    @property
    def last_unit(self) -> int:
        """The last one that is no instruction."""
        return max(index for index, unit in enumerate(self.units) if unit.kind is not Kind.INSTRUCTION)

    def _unit_of_last_words(self) -> int:
        return next(index for index, unit in enumerate(self.units) if unit.first <= self.last_words < unit.end)

    def _head(self, number: int) -> list[int]:
        """The asks a round begins with."""
        members = self.rounds[number] if number >= 0 else []
        return [index for index in members if self.units[index].kind is Kind.ASK]

    def _frame(self, number: int) -> list[int]:
        """What a round keeps while a part of it stays: its asks, and the reply it ended with, so that roles go on alternating."""
        members = self.rounds[number] if number >= 0 else []
        return [*self._head(number), *(index for index in members[-1:] if self.units[index].kind is Kind.REPLY)]


def read(raw: msgspec.Raw, surface: Surface) -> Conversation:
    """The conversation in a body's `messages`. Raises `Malformed`."""
    try:
        messages = [Message(*pair) for pair in zip(_RAWS.decode(raw), _MESSAGES.decode(raw), strict=True)]
    except msgspec.MsgspecError as error:
        raise Malformed from error
    spans = _chat_spans(messages) if surface is Surface.OPENAI else _messages_spans(messages)
    units, rounds = _in_rounds(spans)
    if not rounds:
        raise Malformed
    return Conversation(
        surface=surface,
        messages=messages,
        units=units,
        rounds=rounds,
        last_words=_last_words(messages),
        marked=_marked(messages),
    )


Span = tuple[Kind, int, int]


def _chat_spans(messages: list[Message]) -> list[Span]:
    """OpenAI's: tool messages follow the assistant's message with their calls."""
    spans: list[Span] = []
    at = 0
    while at < len(messages):
        data = messages[at].data
        role = data.get("role")
        end = at + 1
        if role in ("system", "developer"):
            spans.append((Kind.INSTRUCTION, at, end))
        elif role == "user":
            spans.append((Kind.ASK, at, end))
        elif role == "assistant":
            if data.get("function_call"):
                raise Malformed  # the older form, which carries no ids
            calls = _ids(data.get("tool_calls") or [], "id")
            answered = set()
            while end < len(messages) and messages[end].data.get("role") == "tool":
                answered.add(messages[end].data.get("tool_call_id"))
                end += 1
            if answered != calls:
                raise Malformed
            spans.append((Kind.STEP if calls else Kind.REPLY, at, end))
        else:
            raise Malformed
        at = end
    return spans


def _messages_spans(messages: list[Message]) -> list[Span]:
    """Anthropic's: all results are in the user's message right after the calls. The first message is the user's."""
    spans: list[Span] = []
    at = 0
    while at < len(messages):
        message = messages[at]
        role = message.data.get("role")
        end = at + 1
        if role == "user":
            if _of_type(message, "tool_result"):
                raise Malformed
            spans.append((Kind.ASK, at, end))
        elif role == "assistant" and spans:
            calls = _ids(_of_type(message, "tool_use"), "id")
            if spans[-1][0] is Kind.REPLY:
                at = spans.pop()[
                    1
                ]  # one answer in two parts: what the first calls at the provider itself, the second may answer
            if calls:
                if end == len(messages) or messages[end].data.get("role") != "user":
                    raise Malformed
                if _ids(_of_type(messages[end], "tool_result"), "tool_use_id") != calls:
                    raise Malformed
                end += 1
            spans.append((Kind.STEP if calls else Kind.REPLY, at, end))
        else:
            raise Malformed
        at = end
    return spans


def _of_type(message: Message, kind: str) -> list[dict[str, Any]]:
    return [block for block in message.blocks if block.get("type") == kind]


def _ids(items: Any, name: str) -> set[str]:
    if not isinstance(items, list):
        raise Malformed
    ids = [item.get(name) if isinstance(item, dict) else None for item in items]
    if not all(isinstance(one, str) for one in ids) or len(set(ids)) != len(ids):
        raise Malformed
    return set(ids)  # type: ignore[arg-type]


def _in_rounds(spans: list[Span]) -> tuple[list[Unit], list[list[int]]]:
    """An ask begins a round, unless nothing has been said to the one before it yet."""
    units: list[Unit] = []
    rounds: list[list[int]] = []
    is_answered = True
    for kind, first, end in spans:
        if kind is Kind.ASK and is_answered:
            rounds.append([])
            is_answered = False
        elif kind in (Kind.REPLY, Kind.STEP):
            is_answered = True
        if rounds and kind is not Kind.INSTRUCTION:
            rounds[-1].append(len(units))
        units.append(Unit(kind, first, end, len(rounds) - 1))
    return units, rounds


def _last_words(messages: list[Message]) -> int:
    """The last message of the user's that is more than results of tools."""
    for at in range(len(messages) - 1, -1, -1):
        message = messages[at]
        if message.data.get("role") == "user":
            content = message.data.get("content")
            if not isinstance(content, list) or any(block.get("type") != "tool_result" for block in message.blocks):
                return at
    raise Malformed


def _marked(messages: list[Message]) -> int:
    for at in range(len(messages) - 1, -1, -1):
        raw = bytes(messages[at].raw)
        if any(mark in raw for mark in _QUOTED_MARKS) and any(map(_has_mark, messages[at].blocks)):
            return at + 1
    return 0


def _has_mark(block: dict[str, Any]) -> bool:
    if any(block.get(name) is not None for name in _MARKS):
        return True
    inner = block.get("content")
    return isinstance(inner, list) and any(_has_mark(item) for item in inner if isinstance(item, dict))
