"""No message begins a line of the log that Tollgate did not write, or does anything to the terminal that shows it."""

from __future__ import annotations

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.logs import INDENT, OneLine, written_out

FORMAT = "%(levelname)s %(name)s %(message)s"


def line(message: str, error: BaseException | None = None) -> str:
    told = (type(error), error, error.__traceback__) if error is not None else None
    record = logging.LogRecord("gateway", logging.WARNING, __file__, 1, "%s", (message,), told)
    return OneLine(FORMAT).format(record)


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("gräfin 東京 🙂", "gräfin 東京 🙂"),
        ("x\nERROR gateway all is lost", "x\\nERROR gateway all is lost"),
        ("x\r\nERROR", "x\\r\\nERROR"),
        ("\x1b[2J\x1b]0;title\x07", "\\x1b[2J\\x1b]0;title\\x07"),
        ("\x9b31m", "\\x9b31m"),
        ("a\u2028b\u2029c\x85d", "a\\u2028b\\u2029c\\x85d"),
        ("\u202eevil", "\\u202eevil"),
        ("\ud800", "\\ud800"),
        ("\0", "\\x00"),
    ],
)
def test_control_characters_are_written_out(message: str, shown: str):
    assert line(message) == f"WARNING gateway {shown}"


@given(st.text())
def test_a_message_is_one_line_whatever_is_in_it(message: str):
    assert len(line(message).splitlines()) == 1
    written_out(message).encode()  # as the log is


def test_a_traceback_cannot_begin_a_line_like_a_message():
    try:
        raise ValueError("x\nERROR gateway all is lost\x1b[2J")
    except ValueError as error:
        head, *rest = line("it failed", error).split("\n")
    assert head == "WARNING gateway it failed"
    assert rest[-1] == f"{INDENT}ERROR gateway all is lost\\x1b[2J"
    assert all(part.startswith(INDENT) for part in rest)


def test_all_that_tollgate_logs_looks_so():
    from django.conf import settings

    assert settings.LOGGING["formatters"]["line"]["()"] == "config.logs.OneLine"
    assert {name for handler in settings.LOGGING["handlers"].values() for name in [handler["formatter"]]} == {"line"}
    assert settings.LOGGING["loggers"]["uvicorn.error"]["handlers"] == ["stderr"]
