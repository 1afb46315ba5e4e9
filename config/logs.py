"""How lines of the log look: one line for each message, whatever is in it.

Names, models and errors that others choose end up in messages. A line break there could begin a line that Tollgate never wrote, and an
escape sequence could rewrite what an operator's terminal shows; so control characters are written out. Tracebacks have several lines,
which are indented, so that none of them begins like a message.
"""

from __future__ import annotations

import logging
import unicodedata

INDENT = "    "
_HARMFUL = {
    "Cc",
    "Cf",
    "Zl",
    "Zp",
    "Cs",
}  # controls, invisible and direction marks, line and paragraph separators, lone surrogates


def written_out(text: str) -> str:
    """The text on one line, with nothing that a terminal would do instead of show."""
    if text.isprintable():
        return text
    return "".join(
        _escaped(character) if unicodedata.category(character) in _HARMFUL else character for character in text
    )


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


class OneLine(logging.Formatter):
    def formatMessage(self, record: logging.LogRecord) -> str:
        return written_out(super().formatMessage(record))

    def formatException(self, ei: object) -> str:
        return _indented(super().formatException(ei))  # type: ignore[arg-type]  # as the base class has it

    def formatStack(self, stack_info: str) -> str:
        return _indented(super().formatStack(stack_info))


def _indented(text: str) -> str:
    return "\n".join(INDENT + written_out(line) for line in text.split("\n"))
