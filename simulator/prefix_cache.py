"""Remembers prompt prefixes per api key and model, and says how much of a prompt was read from the cache or written to it.

Anthropic's format: a `cache_control` mark ends a prefix to be kept for 5 minutes or an hour; its first sight is a write, later sights
are reads, and a prompt that only begins with a kept prefix reads that and writes the rest. OpenAI's format: the identical leading
tokens of an earlier prompt count as read from 1024 on, in steps of 128. Bounded: the prefix used longest ago is forgotten first.
"""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from collections.abc import Sequence

from simulator import tokens
from simulator.ask import Ask, Section
from simulator.usage import Usage

MAXIMUM_PREFIXES = 20_000
OPENAI_MINIMUM_TOKENS = 1024
OPENAI_STEP_TOKENS = 128
OPENAI_LIFE_SECONDS = 600.0
LIFE_SECONDS = {"5m": 300.0, "1h": 3600.0}

_Key = bytes


class PrefixCache:
    def __init__(self) -> None:
        self._lives: OrderedDict[_Key, tuple[float, float]] = OrderedDict()
        """Prefix → (when it ends, how long a use prolongs it), by time.monotonic()."""

    def reset(self) -> None:
        self._lives.clear()

    def usage_of(self, ask: Ask, *, api_key: str, minimum_tokens: int = 0) -> Usage:
        """The prompt's part of the usage. Not idempotent: it keeps what it sees. `minimum_tokens` concerns marked prefixes."""
        if ask.surface == "openai":
            return self._unmarked(ask, api_key)
        return self._marked(ask, api_key, minimum_tokens)

    def _unmarked(self, ask: Ask, api_key: str) -> Usage:
        total = ask.input_tokens
        if total < OPENAI_MINIMUM_TOKENS:
            return Usage(input_tokens=total)
        pieces = [piece for section in ask.sections for piece in tokens.pieces(section.text)]
        digest = hashlib.blake2b(f"{api_key}\0{ask.model}\0openai\0".encode(), digest_size=16)
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

    def _marked(self, ask: Ask, api_key: str, minimum_tokens: int) -> Usage:
        total = ask.input_tokens
        last_mark = max((index for index, section in enumerate(ask.sections) if section.ttl), default=-1)
        if last_mark < 0:
            return Usage(input_tokens=total)
        prefixes = _prefixes(ask.sections[: last_mark + 1], f"{api_key}\0{ask.model}\0anthropic\0")
        read_index = -1
        for index, (key, size) in enumerate(prefixes):
            if size >= minimum_tokens and self._is_alive(key):
                read_index = index
        written = {"5m": 0, "1h": 0}
        pending = 0
        for index, section in enumerate(ask.sections[: last_mark + 1]):
            key, size = prefixes[index]
            pending += section.tokens if index > read_index else 0
            if section.ttl and size >= minimum_tokens:
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
        return life is not None and life[0] > time.monotonic()

    def _keep(self, key: _Key, seconds: float) -> None:
        self._lives[key] = (time.monotonic() + seconds, seconds)
        self._lives.move_to_end(key)
        if len(self._lives) > MAXIMUM_PREFIXES:
            self._lives.popitem(last=False)

    def _prolong(self, key: _Key) -> None:
        self._keep(key, self._lives[key][1])


def _prefixes(sections: Sequence[Section], seed: str) -> list[tuple[_Key, int]]:
    """For each section, the identity and the size of the prompt up to and with it."""
    digest = hashlib.blake2b(seed.encode(), digest_size=16)
    result: list[tuple[_Key, int]] = []
    size = 0
    for section in sections:
        digest.update(section.text.encode("utf-8", "surrogatepass") + b"\0")
        size += section.tokens
        result.append((digest.digest(), size))
    return result
