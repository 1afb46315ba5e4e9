"""A name that leads outside when it is looked at, and inside a moment later: none of the ways out is led astray by it."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Callable
from typing import Any

import httpx2
import pytest
import requests

from tenants import outbound, outbound_aiohttp, outbound_httpx, outbound_requests
from tests.billing.alert_receiver import Receiver
from tests.gateway.live import wait_until

pytest_plugins = ["tests.billing.alert_receiver"]
OUTSIDE, INSIDE = "127.0.0.2", "127.0.0.3"
NAME = "rebinding.example"


def by_post(url: str) -> None:
    outbound_aiohttp.post(url, body=b"", headers={})


def by_sdk(url: str) -> None:
    with outbound_httpx.client(is_guarded=True) as client:
        client.get(url)


def by_identity_provider(url: str) -> None:
    with outbound_requests.session() as session:
        session.get(url, timeout=5)


def by_gateway(url: str) -> None:
    async def connect() -> None:
        (await outbound.connected(NAME, int(url.rpartition(":")[2]))).close()

    asyncio.run(connect())


def by_socket(url: str) -> None:
    outbound.open_socket(NAME, int(url.rpartition(":")[2]), 5).close()


WAYS: dict[str, Callable[[str], None]] = {
    "webhooks": by_post,
    "provider SDKs": by_sdk,
    "identity providers": by_identity_provider,
    "the gateway": by_gateway,
    "sockets": by_socket,
}
REFUSALS = (outbound.OutboundError, OSError, httpx2.HTTPError, requests.RequestException)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("first", [OUTSIDE, INSIDE])
def test_only_the_address_that_was_looked_at_is_called(
    receiver: Receiver, settings: Any, monkeypatch: pytest.MonkeyPatch, way: str, first: str
):
    settings.OUTBOUND_ALLOW = [ipaddress.ip_network(f"{OUTSIDE}/32")]
    answers = [first]
    called: list[str] = []
    system = socket.getaddrinfo

    def look_up(host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
        if host != NAME:
            return system(host, port, *args, **kwargs)
        address = answers.pop(0) if answers else INSIDE
        return system(address, port, type=socket.SOCK_STREAM)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    before = receiver.connections
    try:
        WAYS[way](f"http://{NAME}:{receiver.port}")
    except REFUSALS:
        called.append("refused")
    if first == OUTSIDE:
        assert called == []
        assert wait_until(lambda: receiver.connections == before + 1)  # it hears of it in a thread of its own
    else:
        assert (receiver.connections, called) == (before, ["refused"])
