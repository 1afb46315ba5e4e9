"""A tenant's own provider whose address leads inside: no request reaches it, on whichever way the gateway calls it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from gateway.models import Model, Provider
from tests.gateway.live import World


@pytest.fixture
def inside() -> Iterator[socket.socket]:
    """Something of the operator's, on every address of this machine."""
    with socket.socket(socket.AF_INET6) as listener:
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        listener.bind(("", 0))
        listener.listen()
        listener.setblocking(False)
        yield listener


def lead(world: World, address: str) -> None:
    Provider.objects.filter(tenant=world.tenant).update(base_url=address)
    for model in Model.objects.filter(tenant=world.tenant):
        model.save()  # a new version of the tenant's configuration


@pytest.mark.parametrize("host", ["127.2", "[::ffff:127.0.0.1]"])
def test_nothing_inside_is_called(world, inside, host):
    """Of this machine the operator has opened 127.0.0.1 only."""
    lead(world, f"http://{host}:{inside.getsockname()[1]}/v1")
    calls = [world.chat(), world.chat(stream=True), world.message(), world.message("gpt-4o", stream=True)]
    calls.append(world.post("/v1/embeddings", {"model": "text-embedding-3-small", "input": "x"}))
    messages = [{"role": "user", "content": "x"}]
    body = {"model": "claude-sonnet-4-5", "messages": messages}
    calls.append(world.post("/v1/messages/count_tokens", body))
    for reply in calls:
        assert reply.status in (502, 503), reply.body
        assert b"does not lead to the public internet" in reply.body
    with pytest.raises(BlockingIOError):
        inside.accept()


def test_a_redirect_inside_is_not_followed(world, inside):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        server.settimeout(20)

        def answer() -> None:
            while True:
                try:
                    client, _address = server.accept()
                except OSError:
                    return
                with client:
                    client.recv(65536)
                    to = f"http://127.0.0.2:{inside.getsockname()[1]}/"
                    client.sendall(
                        f"HTTP/1.1 307 x\r\nlocation: {to}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".encode()
                    )

        threading.Thread(target=answer, daemon=True).start()
        lead(world, f"http://127.0.0.1:{port}/v1")
        for reply in (world.chat(), world.message(stream=True)):
            assert reply.status in (502, 503)
            assert b"answered with a redirect" in reply.body
    with pytest.raises(BlockingIOError):
        inside.accept()


def test_an_image_is_named_to_the_provider_and_not_fetched(world, simulator, inside):
    url = f"http://127.0.0.1:{inside.getsockname()[1]}/cat.png"
    parts = [{"type": "text", "text": "what?"}, {"type": "image_url", "image_url": {"url": url}}]
    for model in ("gpt-4o", "claude-sonnet-4-5"):
        world.post(
            "/v1/chat/completions", {"model": model, "max_tokens": 5, "messages": [{"role": "user", "content": parts}]}
        )
    assert url in str(simulator.requests())
    with pytest.raises(BlockingIOError):
        inside.accept()
