"""Remembers prompt prefixes per api key and model, and says how much of a prompt was read from the cache or written to it.

Anthropic's format: a `cache_control` mark ends a prefix to be kept for 5 minutes or an hour; its first sight is a write, later sights
are reads, and a prompt that only begins with a kept prefix reads that and writes the rest. What is kept is found up to 20 blocks before a
mark; shorter prefixes than the model's minimum are neither written nor read.

OpenAI's format, up to GPT-5.5: the identical leading tokens of an earlier prompt under the same `prompt_cache_key` count as read from
1024 on, in steps of 128; writing is free and not told. Since GPT-5.6: a prefix ends at a `prompt_cache_breakpoint` and, unless
`prompt_cache_options` say `explicit`, at the last message; it is read whole, from any such end in the prompt, and writing is counted.

Bounded: the prefix used longest ago is forgotten first.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence

from simulator import tokens
from simulator.ask import Ask, Section
from simulator.behaviour import plain_model
from simulator.usage import Usage

MAXIMUM_PREFIXES = 20_000
OPENAI_MINIMUM_TOKENS = 1024
OPENAI_STEP_TOKENS = 128
OPENAI_LIFE_SECONDS = 600.0
LIFE_SECONDS = {"5m": 300.0, "30m": 1800.0, "1h": 3600.0}
LOOKBACK_BLOCKS = 20
# https://platform.claude.com/docs/en/build-with-claude/prompt-caching, "Cache limitations"; a model that is none of Anthropic's has none.
MINIMUM_TOKENS = (
    (re.compile(r"claude-(opus|fable|mythos)-5|claude-(sonnet|haiku)-5-5"), 512),
    (re.compile(r"claude-(opus-4-7|3-5-haiku|3-haiku)"), 2048),
    (re.compile(r"claude-(opus-4-[56]|haiku-4-5)"), 4096),
    (re.compile(r"claude-"), 1024),
)
_GPT = re.compile(r"gpt-(\d+)(?:\.(\d))?")

_Key = bytes


def minimum_tokens(model: str) -> int:
    """The shortest prefix that Anthropic keeps for a model."""
    return next((least for pattern, least in MINIMUM_TOKENS if pattern.match(model)), 0)


def takes_breakpoints(model: str) -> bool | None:
    """Whether a model of OpenAI's is of the GPT-5.6 family or later; None if it is no GPT with a number."""
    found = _GPT.match(plain_model(model))
    return None if found is None else (int(found[1]), int(found[2] or 0)) >= (5, 6)


class PrefixCache:
    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._lives: OrderedDict[_Key, tuple[float, float]] = OrderedDict()
        """Prefix → (when it ends, how long a use prolongs it), by the clock."""

    def reset(self) -> None:
        self._lives.clear()

    def usage_of(self, ask: Ask, *, api_key: str, minimum: int | None = None) -> Usage:
        """The prompt's part of the usage. Not idempotent: it keeps what it sees. `minimum` instead of the model's own concerns marks of
        Anthropic's format."""
        if ask.surface == "openai":
            return self._broken(ask, api_key) if takes_breakpoints(ask.model) else self._unmarked(ask, api_key)
        return self._marked(ask, api_key, minimum_tokens(ask.model) if minimum is None else minimum)

    def _unmarked(self, ask: Ask, api_key: str) -> Usage:
        total = ask.input_tokens
        if total < OPENAI_MINIMUM_TOKENS:
            return Usage(input_tokens=total)
        pieces = [piece for section in ask.sections for piece in tokens.pieces(section.text)]
        digest = hashlib.blake2b(_seed(ask, api_key), digest_size=16)
        known = 0
        for end in range(OPENAI_STEP_TOKENS, len(pieces) + 1, OPENAI_STEP_TOKENS):
            digest.update("\0".join(pieces[end - OPENAI_STEP_TOKENS : end]).encode("utf-8", "surrogatepass"))
            if end < OPENAI_MINIMUM_TOKENS:
                continue
            key = digest.digest()
            if self._is_alive(key):
                known = end
            self._keep(key, OPENAI_LIFE_SECONDS)
        return Usage(input_tokens=total, cache_read_tokens=min(known, total))

    def _broken(self, ask: Ask, api_key: str) -> Usage:
        """By breakpoints."""
        total = ask.input_tokens
        prefixes = _prefixes(ask.sections, _seed(ask, api_key))
        ends = [index for index, section in enumerate(ask.sections) if section.ttl][-4:]
        if not ask.caches_explicitly and len(prefixes) - 1 not in ends:
            ends = [*ends[-3:], len(prefixes) - 1]
        ends = [index for index in ends if prefixes[index][1] >= OPENAI_MINIMUM_TOKENS]
        if not ends:
            return Usage(input_tokens=total)
        found = [prefix for prefix in prefixes[: ends[-1] + 1] if self._is_alive(prefix[0])]
        read = found[-1][1] if found else 0
        for key, _ in found[-1:]:
            self._prolong(key)
        for index in ends:
            self._keep(prefixes[index][0], LIFE_SECONDS["30m"])
        written = max(0, prefixes[ends[-1]][1] - read)
        return Usage(input_tokens=total, cache_read_tokens=read, cache_write_5m_tokens=written)

    def _marked(self, ask: Ask, api_key: str, minimum: int) -> Usage:
        total = ask.input_tokens
        marks = [index for index, section in enumerate(ask.sections) if section.ttl]
        if not marks:
            return Usage(input_tokens=total)
        prefixes = _prefixes(ask.sections[: marks[-1] + 1], _seed(ask, api_key))
        near = _near(ask.sections, marks)
        read_index = -1
        for index, (key, size) in enumerate(prefixes):
            if size >= minimum and index in near and self._is_alive(key):
                read_index = index
        written = {"5m": 0, "1h": 0}
        pending = 0
        for index, section in enumerate(ask.sections[: marks[-1] + 1]):
            key, size = prefixes[index]
            pending += section.tokens if index > read_index else 0
            if section.ttl and size >= minimum:
                written[section.ttl] += pending
                pending = 0
                self._keep(key, LIFE_SECONDS[section.ttl])
        if read_index >= 0:
            self._prolong(prefixes[read_index][0])
        return Usage(
            input_tokens=total,
            cache_read_tokens=prefixes[read_index][1] if read_index >= 0 else 0,
            cache_write_5m_tokens=written["5m"],
            cache_write_1h_tokens=written["1h"],
        )

    def _is_alive(self, key: _Key) -> bool:
        life = self._lives.get(key)
        return life is not None and life[0] > self._now()

    def _keep(self, key: _Key, seconds: float) -> None:
        self._lives[key] = (self._now() + seconds, seconds)
        self._lives.move_to_end(key)
        if len(self._lives) > MAXIMUM_PREFIXES:
            self._lives.popitem(last=False)

    def _prolong(self, key: _Key) -> None:
        self._keep(key, self._lives[key][1])


def _seed(ask: Ask, api_key: str) -> bytes:
    return f"{api_key}\0{ask.model}\0{ask.surface}\0{ask.cache_key}\0".encode()


def _near(sections: Sequence[Section], marks: Sequence[int]) -> set[int]:
    """The sections that are looked at for the sake of a mark: itself, and so many content blocks before it."""
    near: set[int] = set()
    for mark in marks:
        blocks, index = 0, mark
        while index >= 0 and blocks <= LOOKBACK_BLOCKS:
            near.add(index)
            index -= 1
            blocks += index >= 0 and not sections[index].text.startswith("role ")
    return near


def _prefixes(sections: Sequence[Section], seed: bytes) -> list[tuple[_Key, int]]:
    """For each section, the identity and the size of the prompt up to and with it."""
    digest = hashlib.blake2b(seed, digest_size=16)
    result: list[tuple[_Key, int]] = []
    size = 0
    for section in sections:
        digest.update(section.text.encode("utf-8", "surrogatepass") + b"\0")
        size += section.tokens
        result.append((digest.digest(), size))
    return result
