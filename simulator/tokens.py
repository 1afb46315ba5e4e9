"""The simulator's one tokenizer: it counts input and output, cuts streams into chunks and answers `count_tokens`.

A token is, with at most one whitespace character in front of it, either up to 8 ASCII letters, up to 3 digits or up to 2 other
characters; whitespace that fits in front of nothing is a token of its own. Joining the pieces of a text gives the text back.
A test computes what it expects with `count`, and a whole request's input with `chat_requests.parse(body).input_tokens` or
`messages_requests.parse(body).input_tokens`.
"""

from __future__ import annotations

import re

MESSAGE_TOKENS = 4
"""Charged for every message, beside its content: the role and the separators."""
REPLY_TOKENS = 3
"""Charged once a request: the opening of the reply."""
IMAGE_TOKENS = 256
"""Charged for an image, whatever its size."""
DOCUMENT_TOKENS = 1024
"""Charged for a document or a sound that is not plain text, whatever its size."""

_PIECE = re.compile(r"\s?[A-Za-z]{1,8}|\s?[0-9]{1,3}|\s?[^\sA-Za-z0-9]{1,2}|\s+")


def pieces(text: str) -> list[str]:
    """The tokens of a text, in order; `"".join` of them is the text."""
    return _PIECE.findall(text)


def count(text: str) -> int:
    """How many tokens a text has."""
    return len(_PIECE.findall(text))
