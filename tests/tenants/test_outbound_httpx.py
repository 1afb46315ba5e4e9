"""SDKs reach what tenants' addresses may lead to, wait no longer than they may, and say nothing of the operator's environment."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from tenants import outbound, outbound_httpx

if TYPE_CHECKING:
    from tests.billing.alert_receiver import Receiver

pytest_plugins = ["tests.billing.alert_receiver"]


def ask(url: str, *, is_guarded: bool = True, headers: dict[str, str] | None = None, **options: Any) -> httpx2.Response:
    with outbound_httpx.client(is_guarded=is_guarded, **options) as client:
        return client.post(url, content=b"{}", headers=headers)


@contextlib.contextmanager
def server(serve: Callable[[socket.socket], None]) -> Iterator[int]:
    """A port of loopback at which each connection is served by a function, and then closed."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _address = listener.accept()
                    with connection, contextlib.suppress(OSError):
                        serve(connection)

        threading.Thread(target=accept, daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "localhost", "0x7f.1", "2130706433", "0.0.0.0"]
)
def test_no_spelling_of_an_address_inside_is_called(receiver: Receiver, host: str):
    with pytest.raises(httpx2.ConnectError) as caught:
        ask(f"http://{host}:{receiver.port}/v1/models")
    assert isinstance(caught.value.__cause__, outbound.NotPublic)
    assert receiver.connections == 0


def test_an_address_that_is_the_operators_own_choice_may_be_called(receiver: Receiver):
    assert ask(f"http://127.0.0.1:{receiver.port}/v1/models", is_guarded=False).content == b"ok"


def test_the_name_is_looked_up_once_and_the_connection_goes_to_what_was_judged(
    receiver: Receiver, allow_loopback: None, monkeypatch: pytest.MonkeyPatch
):
    """The name server says something else the second time; there is no second time."""
    real, asked = socket.getaddrinfo, []

    def look_up(host: str, port: Any, *args: Any, **options: Any) -> Any:
        if not host.endswith(".example"):
            return real(host, port, *args, **options)
        asked.append(host)
        return real("127.0.0.1" if len(asked) == 1 else "169.254.169.254", port, *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    assert ask(f"http://rebinding.example:{receiver.port}/x").status_code == 200
    assert asked == ["rebinding.example"]
    assert receiver.received[0].headers["host"] == f"rebinding.example:{receiver.port}"


def test_a_redirect_is_an_answer_and_is_not_followed(receiver: Receiver, allow_loopback: None):
    receiver.status, receiver.answer_headers = 302, {"location": "http://169.254.169.254/"}
    assert ask(receiver.url).status_code == 302
    assert receiver.connections == 1


def test_the_environments_proxies_are_not_asked(
    receiver: Receiver, allow_loopback: None, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    assert ask(receiver.url).status_code == 200


def test_only_the_headers_that_a_provider_needs_leave(receiver: Receiver, allow_loopback: None):
    sent = {
        "Authorization": "Bearer k",
        "X-Api-Key": "k",
        "OpenAI-Organization": "org-of-the-operator",
        "X-Custom": "1",
    }
    ask(receiver.url, headers=sent)
    ask(receiver.url, headers=sent, sends_credential=False)
    first, second = (received.headers for received in receiver.received)
    assert (first["authorization"], first["x-api-key"], first["accept-encoding"]) == ("Bearer k", "k", "identity")
    for headers in (first, second):
        assert {"openai-organization", "x-custom", "cookie"}.isdisjoint(headers)
    assert {"authorization", "x-api-key"}.isdisjoint(second)


def test_an_answer_that_is_too_large_or_compressed_is_not_taken(
    receiver: Receiver, allow_loopback: None, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(outbound_httpx, "MAX_ANSWER_BYTES", 1000)
    receiver.answer_body = b"x" * 1001
    with pytest.raises(httpx2.ConnectError) as caught:
        ask(receiver.url)
    assert isinstance(caught.value.__cause__, outbound_httpx.TooLarge)
    receiver.answer_body, receiver.answer_headers = b"x", {"content-encoding": "gzip"}
    with pytest.raises(httpx2.ConnectError) as caught:
        ask(receiver.url)
    assert isinstance(caught.value.__cause__, outbound_httpx.Compressed)


def dripping(head: bytes, drip: bytes) -> Callable[[socket.socket], None]:
    def serve(connection: socket.socket) -> None:
        connection.sendall(head)
        while True:
            connection.sendall(drip)
            time.sleep(0.05)

    return serve


@pytest.mark.parametrize(
    ("head", "drip"),
    [
        (b"", b"H"[:0]),
        (b"HTTP/1.1 200 OK\r\n", b"x: y\r\n"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n", b"x"),
    ],
    ids=["silence", "headers", "body"],
)
def test_whoever_answers_slowly_is_not_waited_for(allow_loopback: None, head: bytes, drip: bytes):
    """However a bit comes each moment: the time counts for everything together."""
    with server(dripping(head, drip)) as port, pytest.raises(httpx2.ReadTimeout):
        ask(f"http://127.0.0.1:{port}/", total_seconds=0.4)


def test_a_certificate_that_nobody_has_signed_is_refused_before_anything_is_sent(allow_loopback: None, tmp_path: Any):
    received: list[bytes] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(self_signed(tmp_path))

    def serve(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as secured:
            received.append(secured.recv(1000))

    with server(serve) as port, pytest.raises(httpx2.ConnectError, match="self-signed"):
        ask(f"https://localhost:{port}/", headers={"Authorization": "Bearer k"})
    assert received == []


def self_signed(folder: Any) -> str:
    import datetime as dt

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = folder / "self-signed.pem"
    encoding = serialization.Encoding.PEM
    private = key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.write_bytes(private + certificate.public_bytes(encoding))
    return str(path)
