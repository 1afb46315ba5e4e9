"""How requests come off the wire and answers go onto it: uvicorn's protocol on httptools, with bounds, and corked (`config.corked`).
`uvicorn … --http config.wire:Protocol`.

uvicorn takes heads of any size and waits for them as long as it takes, and httptools gathers a header's value until it ends: one client
could fill the memory. Here a head has so many bytes, lines and seconds, and a body may not stop for long; what is beyond that is refused
and the connection closed. Fields after a chunked body (trailers) are refused, too: uvicorn puts them among the headers, which a proxy in
front has checked before they came. How large a body may be is for whoever reads it to say.

What this costs a request: a look at how much came at once. Who is too slow, or has long asked for nothing, is looked for every few
seconds, in all connections at once.

Who offers another protocol (`Upgrade`), as Java's client does with its first request, is answered in this one. The parser takes the head
for the last thing that is spoken in HTTP and would read a body as another request; so such a head is read once more, without the offer.

A request of the usual kind (HTTP/1.1, a plain address, no upgrade, nothing before it under way) gets a `config.cycle.Cycle`, and headers
of a proxy are looked for only where there are any; every other one goes uvicorn's way.
"""

from __future__ import annotations

import json
import re
from http import HTTPStatus
from typing import Any

import httptools
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from config.corked import Corked
from config.cycle import EXTENSION, Awaited, Cycle

MAX_HEAD_BYTES = 64 * 1024  # of the address and all headers
MAX_HEADERS = 200
HEAD_SECONDS = 30.0  # from a connection's or a request's first byte to the end of its head
IDLE_SECONDS = 60.0  # without a byte of a body that has begun
LOOK_SECONDS = 5.0
PLAIN_ADDRESS = re.compile(rb"/(?:[A-Za-z0-9_.-][A-Za-z0-9_./-]*)?")


class Refused(Exception):
    """What came is not taken; httptools hands it on as the cause of its own error."""

    def __init__(self, status: HTTPStatus, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text


class Protocol(HttpToolsProtocol):
    _head_since = 0.0  # by the loop's clock; 0: no head is being read
    _head_bytes = 0  # that came of the head before what is being read
    _fed_bytes = 0  # that are being read
    _fed_at = 0.0
    _has_head = False  # of the message that is being read
    _idle_since = 0.0  # 0: a request is being read or answered
    _is_forwarded = False
    _is_offering = False  # another protocol, and nothing has been begun for it
    _refused: Refused | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        # The middleware is called for requests that it has something to do for.
        self._bare_app = self.app.app if isinstance(self.app, ProxyHeadersMiddleware) else self.app
        self.transport = Corked(transport, self.loop)  # type: ignore[assignment]
        self._head_since = self._fed_at = self.loop.time()
        _watch(self.server_state, self.loop)

    def data_received(self, data: bytes) -> None:
        self._fed_at = self.loop.time()
        was_reading_head = self._head_since and not self._has_head
        self._unset_keepalive_if_required()
        while data:
            self._fed_bytes = len(data)
            try:
                self.parser.feed_data(data)
                break
            except httptools.HttpParserError:
                self.logger.warning("Invalid HTTP request received.")
                self.send_400_response("")
                break
            except httptools.HttpParserUpgrade as offer:
                data = self._head_without_offer() + data[offer.args[0] :]
        if self._head_since and not self._has_head and not self.transport.is_closing():
            # A header that has not ended yet has been told to nobody, so what came is counted, but for what came of a message before.
            self._head_bytes += len(data) if was_reading_head else self._told_bytes() + 1
            if self._head_bytes > MAX_HEAD_BYTES or len(self.headers or ()) > MAX_HEADERS:
                self._refuse(_too_large())

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._head_since = self._fed_at
        self._head_bytes = 0
        self._has_head = self._is_forwarded = self._is_offering = False
        self._idle_since = 0.0

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._has_head:
            raise self._noted(Refused(HTTPStatus.BAD_REQUEST, "Fields after the body are not taken."))
        name = name.lower()
        if name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True
        elif name.startswith(b"x-forwarded-"):
            self._is_forwarded = True
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        self._has_head = True
        self._head_since = 0.0
        may_be_long = self._head_bytes or self._fed_bytes > MAX_HEAD_BYTES  # it came in pieces, or much came at once
        if len(self.headers) > MAX_HEADERS or (may_be_long and self._told_bytes() > MAX_HEAD_BYTES):
            raise self._noted(_too_large())
        parser, before = self.parser, self.cycle
        if parser.should_upgrade():
            if parser.get_method() == b"CONNECT":
                raise self._noted(Refused(HTTPStatus.METHOD_NOT_ALLOWED, "This is no proxy."))
            self._is_offering = True
            return
        if (
            (before is not None and not before.response_complete)
            or self.limit_concurrency is not None
            or self.root_path
            or parser.get_http_version() != "1.1"
            or PLAIN_ADDRESS.fullmatch(self.url) is None
        ):
            super().on_headers_complete()
            return
        scope: Any = self.scope
        scope["method"] = parser.get_method().decode("ascii")
        scope["path"] = self.url.decode("ascii")
        scope["raw_path"] = self.url
        scope["query_string"] = b""
        cycle = self.cycle = Cycle(
            scope=scope,
            transport=self.transport,
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=self.access_log,
            default_headers=self.server_state.default_headers,
            message_event=Awaited(),  # type: ignore[arg-type]
            expect_100_continue=self.expect_100_continue,
            keep_alive=parser.should_keep_alive(),
            on_response=self.on_response_complete,
        )
        if not self.access_log:  # what writes the log is uvicorn's own `send`
            scope["extensions"] = {EXTENSION: cycle}
        self._start_asgi_task(cycle, self.app if self._is_forwarded else self._bare_app)

    def on_message_complete(self) -> None:
        """As uvicorn's, but for a head that is read once more."""
        cycle = self.cycle
        if self._is_offering or cycle is None or cycle.response_complete:
            return
        cycle.more_body = False
        cycle.message_event.set()

    def on_response_complete(self) -> None:
        """As uvicorn's, but for the timer of each request: `look` sees how long nothing has been asked."""
        if self.pipeline or self.transport.is_closing():
            super().on_response_complete()
            return
        self.server_state.total_requests += 1
        self.flow.resume_reading()
        self._idle_since = self.loop.time()

    def send_400_response(self, msg: str) -> None:
        self._refuse(self._refused or Refused(HTTPStatus.BAD_REQUEST, "This is no HTTP request that can be read."))

    def look(self, now: float) -> None:
        """Close it, if it has had time enough."""
        if self.transport.is_closing():
            return
        if self._idle_since:
            if now - max(self._idle_since, self._fed_at) >= self.timeout_keep_alive:
                self.transport.close()
        elif self._head_since:
            if now - self._head_since <= HEAD_SECONDS:
                return
            if self.scope is None:  # nothing was ever asked: browsers open connections that they may need
                self.transport.close()
            else:
                self._refuse(Refused(HTTPStatus.REQUEST_TIMEOUT, "The head of the request did not come in time."))
        elif (
            self.cycle is not None
            and self.cycle.more_body
            and not self.cycle.response_started
            and not self.flow.read_paused
            and now - self._fed_at > IDLE_SECONDS
        ):
            self._refuse(Refused(HTTPStatus.REQUEST_TIMEOUT, "The body of the request stopped coming."))

    def _told_bytes(self) -> int:
        return len(self.url) + sum([len(name) + len(value) for name, value in self.headers])

    def _head_without_offer(self) -> bytes:
        """The head that has just been read, for a parser that is told nothing of the offer (RFC 9110, 7.8: it may be ignored)."""
        method, version = self.parser.get_method(), self.parser.get_http_version().encode()
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn's: it is answered nevertheless
        lines = [b"%b: %b\r\n" % (name, value) for name, value in self.headers if name != b"upgrade"]
        return b"%b %b HTTP/%b\r\n%b\r\n" % (method, self.url, version, b"".join(lines))

    def _noted(self, refused: Refused) -> Refused:
        self._refused = refused
        return refused

    def _refuse(self, refused: Refused) -> None:
        """Say so, if nothing else is being said, and close."""
        if self.transport.is_closing():
            return
        is_answering = self.cycle is not None and self.cycle.response_started and not self.cycle.response_complete
        if not is_answering:
            kind = "invalid_request_error"
            body = json.dumps({"error": {"message": refused.text, "type": kind, "param": None, "code": "bad_http"}})
            self.transport.write(
                f"HTTP/1.1 {refused.status.value} {refused.status.phrase}\r\ncontent-type: application/json\r\n"
                f"content-length: {len(body)}\r\nconnection: close\r\n\r\n{body}".encode()
            )
        self.transport.close()


def _too_large() -> Refused:
    text = f"The head of a request has at most {MAX_HEAD_BYTES} bytes and {MAX_HEADERS} headers."
    return Refused(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, text)


def _watch(server: ServerState, loop: Any) -> None:
    """Look at a server's connections every few seconds, as long as there are any."""
    if getattr(server, "is_watched", False):
        return
    server.is_watched = True  # type: ignore[attr-defined]

    def look() -> None:
        now = loop.time()
        for connection in list(server.connections):
            if isinstance(connection, Protocol):
                connection.look(now)
        server.is_watched = bool(server.connections)  # type: ignore[attr-defined]
        if server.connections:
            loop.call_later(LOOK_SECONDS, look)

    loop.call_later(LOOK_SECONDS, look)
