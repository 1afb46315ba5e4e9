"""What is left to do when an answer has been sent is done, whatever became of the answer; and nothing of a request stays behind."""

from __future__ import annotations

import gc
import weakref
from types import SimpleNamespace
from typing import Any

import pytest

from config.corked import SEND_AT_ONCE_BYTES
from gateway.api.handler import CYCLE, KEPT_BACK_BYTES, LeanHandler
from gateway.api.lean import LeanResponse, WholeResponse

steps: list[str] = []


class Cycle:
    """Stands for the server's, which has the scope."""

    def __init__(self, scope: dict[str, Any]) -> None:
        self.scope = scope

    def body_here(self) -> bytes:
        return b"{}"

    def answer(self, status: int, head: bytes, body: bytes) -> bool:
        steps.append("answered")
        return True


def scope() -> dict[str, Any]:
    made: dict[str, Any] = {"type": "http", "path": "/v1/x", "method": "POST", "headers": [], "client": None}
    made["extensions"] = {CYCLE: Cycle(made)}
    return made


async def settle() -> None:
    steps.append("settled")


async def view(request: Any) -> LeanResponse:
    response = WholeResponse(request.body)
    response.settled = settle()
    return response


@pytest.fixture
def handler() -> LeanHandler:
    steps.clear()
    made = LeanHandler()
    made._known["/v1/x"] = SimpleNamespace(func=view, args=(), kwargs={})  # type: ignore[assignment]
    return made


async def receive() -> dict[str, Any]:
    return {"type": "http.request", "body": b"{}"}


async def send(message: dict[str, Any]) -> None:
    steps.append(message["type"])


async def broken(message: dict[str, Any]) -> None:
    raise OSError("the client has left")


async def test_an_answer_is_sent_and_then_settled(handler: LeanHandler):
    await handler(scope(), receive, send)
    assert steps == ["answered", "settled"]


async def test_a_large_answer_leaves_at_once_so_it_is_settled_first(
    handler: LeanHandler, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(Cycle, "body_here", lambda cycle: b"x" * (KEPT_BACK_BYTES + 1))
    await handler(scope(), receive, send)
    assert steps == ["settled", "answered"]
    assert KEPT_BACK_BYTES <= SEND_AT_ONCE_BYTES // 2  # with its head


async def test_so_is_one_that_goes_the_long_way(handler: LeanHandler):
    long = scope()
    del long["extensions"]
    await handler(long, receive, send)
    assert steps == ["http.response.start", "http.response.body", "settled"]


async def test_one_that_cannot_be_sent_is_settled_all_the_same(handler: LeanHandler):
    long = scope()
    del long["extensions"]
    with pytest.raises(OSError, match="has left"):
        await handler(long, receive, broken)
    assert steps == ["settled"]


async def test_a_request_is_gone_when_it_is_over_without_the_garbage_collector(handler: LeanHandler):
    under_way = scope()
    cycle = weakref.ref(under_way["extensions"][CYCLE])
    gc.disable()
    try:
        await handler(under_way, receive, send)
        del under_way
        assert cycle() is None
    finally:
        gc.enable()
