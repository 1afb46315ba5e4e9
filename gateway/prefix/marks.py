"""What is put into a call for the sake of the provider's cache, and what a caller has put there already."""

from __future__ import annotations

import re

import msgspec

# What a caller of either format marks with. The very words as a value look the same, and cost a cautious answer only.
OF_CALLER = (b'"cache_control"', b'"prompt_cache_breakpoint"', b'"prompt_cache_options"')
_IN_ALL = b"cache_"  # looking for one word is what this costs
_ESCAPED_LETTER = re.compile(rb"\\u00[4-7][0-9a-fA-F]")  # no encoder writes these; somebody may, to hide a mark


class Marks(msgspec.Struct, frozen=True):
    """Lifetimes of the marks after the tools, after the instructions (the head), after message `before_at` and after the last message;
    empty:
    none there. Messages are counted as the caller sent them.

    `is_explicit`: the provider, which would cache by itself, keeps nothing but what is marked. `cache_key`: groups requests that begin the
    same; empty: none is sent.
    """

    tools: str = ""
    head: str = ""
    before: str = ""
    before_at: int = -1
    last: str = ""
    is_explicit: bool = False
    cache_key: str = ""

    @property
    def lifetimes(self) -> tuple[str, ...]:
        """Those of the marks that are placed, in the order of the prompt."""
        return tuple([lifetime for lifetime in (self.tools, self.head, self.before, self.last) if lifetime])


NONE = Marks()


def has_own(content: bytes) -> bool:
    """Whether the caller has marked anything, or said how to cache. Then nothing is added."""
    if _IN_ALL in content and any(name in content for name in OF_CALLER):
        return True
    if b"\\" not in content or b"\\u00" not in content or _ESCAPED_LETTER.search(content) is None:
        return False
    try:
        plain = msgspec.json.encode(msgspec.json.decode(content))
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return True  # nobody can tell
    return any(name in plain for name in OF_CALLER)
