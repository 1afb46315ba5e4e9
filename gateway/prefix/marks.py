"""What is put into a call for the sake of the provider's cache, and what a caller has put there already."""

from __future__ import annotations

import msgspec

# What a caller of either format marks with. The very words as a message of their own look the same, and cost a cautious answer only.
OF_CALLER = (b'"cache_control"', b'"prompt_cache_breakpoint"', b'"prompt_cache_options"')
MOST_MARKS = 4


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
    return any(name in content for name in OF_CALLER)
