"""Lists of words, written as people read them."""

from __future__ import annotations


def listed(words: str) -> tuple[str, ...]:
    """Words between blanks and line breaks, in their order."""
    return tuple(words.split())
