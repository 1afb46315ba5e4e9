"""The other side of a channel, on loopback sockets: an HTTP receiver that answers as it is told, and a mail server."""

from __future__ import annotations

import socket
import socketserver
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_network
from typing import Any

import pytest

POLL_SECONDS = 0.02  # how soon a server notices that it is to end
PATIENCE_SECONDS = 30  # until a test that waits is a test that failed


@dataclass(frozen=True)
class Received:
    path: str
    headers: dict[str, str]  # names in lower case
    body: bytes


@dataclass
class Receiver:
    """`connections` counts those that were opened, also by who then sent nothing."""

    port: int = 0
    status: int = 200
    answer_headers: dict[str, str] = field(default_factory=dict)
    answer_body: bytes = b"ok"
    received: list[Received] = field(default_factory=list)
    connections: int = 0
    is_hanging: bool = False
    arrived: threading.Event = field(default_factory=threading.Event)
    _go_on: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    def release(self) -> None:
        """Answer whoever is kept waiting, and nobody is from now on."""
        self.is_hanging = False
        self._go_on.set()

    def hang(self) -> None:
        if self.is_hanging:
            self._go_on.wait(PATIENCE_SECONDS)


class _Server(ThreadingHTTPServer):
    """On every address of this machine, so that none is refused only because nobody listens there."""

    daemon_threads = True
    address_family = socket.AF_INET6 if socket.has_dualstack_ipv6() else socket.AF_INET
    receiver: Receiver

    def __init__(self) -> None:
        super().__init__(("", 0), _Handler)

    def server_bind(self) -> None:
        if self.address_family == socket.AF_INET6:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        socketserver.TCPServer.server_bind(self)

    def process_request(self, request: Any, client_address: Any) -> None:
        self.receiver.connections += 1
        super().process_request(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_POST(self) -> None:
        receiver = self.server.receiver
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        receiver.received.append(Received(self.path, {k.lower(): v for k, v in self.headers.items()}, body))
        receiver.arrived.set()
        receiver.hang()
        self.send_response(receiver.status)
        for name, value in {"content-length": str(len(receiver.answer_body)), **receiver.answer_headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(receiver.answer_body)

    do_GET = do_CONNECT = do_POST  # a followed redirect, or a proxy's client

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except (BrokenPipeError, ConnectionResetError):  # the sender did not wait for the rest
            self.close_connection = True


@pytest.fixture
def make_receiver() -> Iterator[Callable[[], Receiver]]:
    servers: list[_Server] = []

    def make() -> Receiver:
        server = _Server()
        server.receiver = Receiver(port=server.server_address[1])
        threading.Thread(target=server.serve_forever, args=(POLL_SECONDS,), daemon=True).start()
        servers.append(server)
        return server.receiver

    yield make
    for server in servers:
        server.receiver.release()
        server.shutdown()
        server.server_close()


@pytest.fixture
def receiver(make_receiver: Callable[[], Receiver]) -> Receiver:
    return make_receiver()


@pytest.fixture
def allow_loopback(settings: Any) -> None:
    settings.OUTBOUND_ALLOW = [ip_network("127.0.0.0/8")]


@dataclass
class MailServer:
    port: int = 0
    mails: list[Message] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    refuses: bool = False


class _Smtp(socketserver.StreamRequestHandler):
    """As much of RFC 5321 as a client needs that sends one mail."""

    server: Any

    def handle(self) -> None:
        self._say("220 test")
        while line := self.rfile.readline().decode().strip():
            verb = line.split(" ")[0].upper()
            if verb == "RCPT" and self.server.taker.refuses:
                self._say("550 no such user, says the internal host mail.corp")
            elif verb == "DATA":
                self._say("354 go on")
                self.server.taker.mails.append(message_from_bytes(b"".join(self._lines())))
                self._say("250 taken")
            elif verb == "QUIT":
                self._say("221 bye")
                return
            else:
                if verb == "RCPT":
                    self.server.taker.recipients.append(line.partition(":")[2].strip("<>"))
                self._say("250 ok")

    def _lines(self) -> Iterator[bytes]:
        while (line := self.rfile.readline()) != b".\r\n":
            yield line

    def _say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())


@pytest.fixture
def mail_server(settings: Any) -> Iterator[MailServer]:
    """A mail server on a socket, named in the settings as TOLLGATE_EMAIL_URL would."""

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        taker = MailServer()

    with Server(("127.0.0.1", 0), _Smtp) as server:
        Server.taker.port = server.server_address[1]
        threading.Thread(target=server.serve_forever, args=(POLL_SECONDS,), daemon=True).start()
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", Server.taker.port
        yield Server.taker
        server.shutdown()
