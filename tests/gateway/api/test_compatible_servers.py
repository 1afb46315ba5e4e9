"""Servers that call themselves compatible with OpenAI's and are so in their own way."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import pytest

from gateway.models import Provider
from tests.gateway.budgets import budget, counter
from tests.gateway.live import World

Script = list[dict[str, Any] | float | str]  # chunks, pauses in seconds, and other data


@pytest.fixture
def server() -> Iterator[Callable[[Script], str]]:
    """A provider that streams what it is told; returns its base URL."""
    running: list[ThreadingHTTPServer] = []

    def serve(script: Script) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["content-length"]))
                self.send_response(200)
                self.send_header("content-type", "text/event-stream")
                self.end_headers()
                for item in script:
                    if isinstance(item, float):
                        time.sleep(item)
                        continue
                    data = item if isinstance(item, str) else json.dumps({"id": "x", **item})
                    self.wfile.write(f"data: {data}\n\n".encode())

            def log_message(self, *args: Any) -> None:
                pass

        made = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        running.append(made)
        threading.Thread(target=made.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{made.server_port}/v1"

    yield serve
    for made in running:
        made.shutdown()
        made.server_close()


def say(text: str | None = None, *, index: int = 0, finish: str | None = None) -> dict[str, Any]:
    delta = {} if text is None else {"role": "assistant", "content": text}
    return {"choices": [{"index": index, "delta": delta, "finish_reason": finish}]}


USAGE = {"choices": [], "usage": {"prompt_tokens": 100, "completion_tokens": 7, "total_tokens": 107}}


def at(world: World, url: str) -> None:
    Provider.objects.filter(pk=world.providers["openai-compatible"].pk).update(base_url=url)
    world.model("odd", "openai-compatible")


@pytest.mark.parametrize("surface", ["chat", "message"])
def test_a_stream_without_done_is_whole_where_every_choice_has_ended(world, server, surface):
    at(world, server([say("Hel"), say("lo"), say(finish="stop"), USAGE]))
    reply = getattr(world, surface)("odd", stream=True)
    ending = b"data: [DONE]" if surface == "chat" else b"event: message_stop"
    assert reply.events()[-1].startswith(ending)
    (row,) = world.records()
    assert (row.outcome, row.usage_source, row.input_tokens, row.output_tokens) == ("ok", "reported", 100, 7)


def test_a_stream_that_ends_before_every_choice_has_is_cut(world, server):
    at(world, server([say("a"), say("b", index=1), say(finish="stop")]))
    reply = world.chat("odd", stream=True, n=2)
    assert json.loads(reply.events()[-1].removeprefix(b"data: "))["error"]["code"] == "upstream_broke_off"
    (row,) = world.records()
    assert (row.outcome, row.usage_source) == ("cut", "estimated")


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages"])
def test_usage_that_follows_the_end_of_the_text_is_waited_for_when_the_client_has_left(world, server, path):
    budget(world, 100_000, "tokens")
    at(world, server([say("Hello"), 0.2, say(finish="stop"), 0.4, USAGE, "[DONE]"]))
    body = {"model": "odd", "max_tokens": 99, "stream": True, "messages": [{"role": "user", "content": "hi"}]}
    content = json.dumps(body).encode()
    head = f"POST {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {world.secret}\r\ncontent-length: {len(content)}\r\n\r\n"
    address = urlsplit(world.gateway.url)
    with socket.create_connection((address.hostname or "", address.port or 0)) as client:
        client.sendall(head.encode() + content)
        received = b""
        while b"Hello" not in received:
            received += client.recv(4096)
    (row,) = world.records()
    assert (row.usage_source, row.input_tokens, row.output_tokens) == ("reported", 100, 7)
    assert counter(world, "tokens") == (107, 0)
