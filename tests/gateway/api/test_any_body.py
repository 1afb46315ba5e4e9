"""Whatever a body holds, its answer is one that the caller's SDK can read, and no fault of ours. `make fuzz` sends many more."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from tests.fuzz import answers
from tests.fuzz.bodies import CHAT, MESSAGES, bodies
from tests.fuzz.chatting import Caller
from tests.gateway.live import World

MODELS = ("gpt-4o", "claude-sonnet-4-5", "text-embedding-3-small")


@settings(
    max_examples=150, deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)  # fmt: skip
@given(made=bodies(*MODELS))
def test_any_body_is_answered_in_the_format_of_its_address(world: World, made: tuple[str, bytes]):
    path, body = made
    caller = Caller(world.gateway.url, world.secret)
    try:
        answers.check(path, *caller.send(path, body))
    finally:
        caller.close()


JSON = {"content-type": "application/json", "x-request-id": "req_1"}
STREAM = {"content-type": "text/event-stream"}


@pytest.mark.parametrize(
    ("path", "status", "headers", "body"),
    [
        (CHAT, 500, JSON, b'{"error": {"message": "x", "type": "x", "param": null, "code": "x"}}'),
        (CHAT, 200, JSON, b"{}"),
        (CHAT, 200, JSON, b"[]"),
        (CHAT, 200, JSON, b"x"),
        (CHAT, 200, {"content-type": "text/html"}, b"<html>"),
        (CHAT, 200, {"content-type": "application/json"}, b'{"choices": []}'),
        (CHAT, 400, JSON, b'{"error": {"message": "", "type": "x", "param": null, "code": "x"}}'),
        (MESSAGES, 400, JSON, b'{"error": {"message": "x", "type": "x", "param": null, "code": "x"}}'),
        (CHAT, 200, STREAM, b'data: {"choices": []}\n\n'),
        (CHAT, 200, STREAM, b'data: {"choices": []}\n\ndata: [DONE]'),
        (CHAT, 200, STREAM, b"data: x\n\ndata: [DONE]\n\n"),
        (MESSAGES, 200, STREAM, b'event: message_delta\ndata: {"type": "message_delta"}\n\n'),
        (MESSAGES, 200, STREAM, b""),
    ],
)
def test_an_answer_that_is_none_is_noticed(path: str, status: int, headers: dict[str, str], body: bytes):
    with pytest.raises(answers.Odd):
        answers.check(path, status, headers, body)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (CHAT, b'data: {"choices": []}\n\n: x-tollgate-cost-usd 1\n\ndata: [DONE]\n\n'),
        (CHAT, b'data: {"error": {"message": "x", "type": "x", "param": null, "code": "x"}}\n\n'),
        (MESSAGES, b'event: message_stop\ndata: {"type": "message_stop"}\n\n'),
    ],
)
def test_a_stream_that_ends_well_or_with_an_error_passes(path: str, body: bytes):
    ended: Any = answers.check(path, 200, STREAM, body)
    assert ended is None
