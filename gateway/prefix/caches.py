"""What each provider's prompt cache takes, and for how long it keeps it.

Minimum lengths: Anthropic's list as of 2026-09, under "Cache limitations" in
https://platform.claude.com/docs/en/build-with-claude/prompt-caching. The 5.5 generation is not on it, and taken to be like Opus 5;
of Sonnet 4.6, of which people have measured 2048, the list says 1024. A shorter prefix may carry a mark: nothing is kept then, and nothing
is charged. So an entry that is too low costs nothing, one that is too high loses savings, and a model nobody here knows gets the length
that most of them have.

OpenAI caches by itself from 1024 tokens on. Since GPT-5.6 it charges for what it writes, and takes breakpoints:
https://developers.openai.com/api/docs/guides/prompt-caching. `prompt_cache_retention` is never set: it is deprecated, older models keep
prefixes for 24 hours unless the organisation has asked for no retention, which is not Tollgate's to overrule, and newer ones keep them for
30 minutes, the only lifetime that `prompt_cache_options` takes.
"""

from __future__ import annotations

import enum
import re
from functools import lru_cache
from typing import NamedTuple

FIVE_MINUTES, HALF_HOUR, HOUR = "5m", "30m", "1h"
SECONDS = {FIVE_MINUTES: 300.0, HALF_HOUR: 1800.0, HOUR: 3600.0}
LOOKBACK_BLOCKS = 20  # how far before a mark Anthropic looks for what is kept

OTHERWISE = 1024
_LEAST_TOKENS = (
    (re.compile(r"claude-((opus|sonnet|haiku)-5-5|opus-5|fable-5|mythos-5)"), 512),
    (re.compile(r"claude-(opus-4-7|3-5-haiku|3-haiku|mythos-preview)"), 2048),
    (re.compile(r"claude-(opus-4-[56]|haiku-4-5)"), 4096),
)
_GPT = re.compile(r"gpt-(\d+)(?:[.-](\d))?(?![\d])")
CHARGES_FOR_WRITES_SINCE = (5, 6)


class Style(enum.Enum):
    """How a request asks for caching."""

    MARKS = "marks"  # Anthropic: `cache_control`
    BREAKPOINTS = "breakpoints"  # OpenAI since GPT-5.6: by itself at the end, and where a breakpoint stands
    KEY = "key"  # OpenAI before: by itself; `prompt_cache_key` says which requests belong together


class Cache(NamedTuple):
    """`lifetimes`: those that may be asked for, the shortest first."""

    style: Style
    least_tokens: int
    lifetimes: tuple[str, ...] = ()


@lru_cache(maxsize=4096)
def of(kind: str, upstream_id: str, takes_key: bool = False) -> Cache | None:
    """The cache of a model; None if nothing is known of it. `takes_key`: the model of a compatible server declares that it does."""
    if kind == "anthropic":
        name = upstream_id.lower()
        least = next((tokens for pattern, tokens in _LEAST_TOKENS if pattern.match(name)), OTHERWISE)
        return Cache(Style.MARKS, least, (FIVE_MINUTES, HOUR))
    if kind == "openai":
        if charges_for_writes(upstream_id):
            return Cache(Style.BREAKPOINTS, OTHERWISE, (HALF_HOUR,))
        return Cache(Style.KEY, OTHERWISE)
    return Cache(Style.KEY, OTHERWISE) if takes_key else None


def charges_for_writes(upstream_id: str) -> bool:
    """Whether a model of OpenAI's is of the GPT-5.6 family or later."""
    found = _GPT.match(upstream_id.lower())
    return found is not None and (int(found[1]), int(found[2] or 0)) >= CHARGES_FOR_WRITES_SINCE
