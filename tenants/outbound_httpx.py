"""The official SDKs' way out: an httpx2 transport that is held to what `tenants.outbound` allows, and to a time for everything together.

A call goes to an address that was judged, over TLS for the name it was judged for. Only the headers named here leave, whatever an SDK reads
from the environment. What comes back is read whole, up to a size; it is not asked to be compressed, and not taken if it is. Redirects
are the client's to follow, and `client` makes one that follows none. Whatever goes wrong is one of httpx2's errors, with its cause.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterable
from typing import Any, cast

import httpcore2
import httpx2

from tenants import outbound

TOTAL_SECONDS = 10.0
CONNECT_SECONDS = 5.0
MAX_ANSWER_BYTES = 8 * 1024 * 1024  # the longest list of models known has about 2 MB
SENT_HEADERS = frozenset(
    {"accept", "authorization", "anthropic-version", "content-length", "content-type", "host", "x-api-key"}
)


class TooLarge(OSError):
    """The answer is longer than anything that could be meant."""


class Compressed(OSError):
    """The answer is compressed, which was not asked for."""


def client(*, is_guarded: bool, sends_credential: bool = True, total_seconds: float = TOTAL_SECONDS) -> httpx2.Client:
    """A client for calls that take at most `total_seconds` together, counted from here. `is_guarded`: to the public internet only."""
    return httpx2.Client(
        transport=_Transport(is_guarded, sends_credential, _Deadline(total_seconds)),
        follow_redirects=False,
        trust_env=False,
        timeout=CONNECT_SECONDS,
    )


class _Deadline:
    def __init__(self, seconds: float) -> None:
        self._ends = time.monotonic() + seconds

    def left(self, wanted: float | None = None) -> float:
        """Seconds that may be waited now, at most `wanted`. Raises `TimeoutError` where there are none."""
        left = self._ends - time.monotonic()
        if left <= 0:
            raise TimeoutError("out of time")
        return left if wanted is None else min(left, wanted)


class _Transport(httpx2.BaseTransport):
    def __init__(self, is_guarded: bool, sends_credential: bool, deadline: _Deadline) -> None:
        self._dropped = frozenset() if sends_credential else frozenset({"authorization", "x-api-key"})
        self._pool = httpcore2.ConnectionPool(
            ssl_context=ssl.create_default_context(), network_backend=_Backend(is_guarded, deadline), retries=0
        )

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        headers = [(name, value) for name, value in request.headers.raw if self._is_sent(name)]
        headers += [(b"User-Agent", b"tollgate"), (b"Accept-Encoding", b"identity")]
        url = request.url
        target = httpcore2.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)
        core = httpcore2.Request(
            request.method, target, headers=headers, content=request.stream, extensions=request.extensions
        )
        try:
            answer = self._pool.handle_request(core)
            try:
                return httpx2.Response(answer.status, headers=answer.headers, content=_read(answer))
            finally:
                answer.close()
        except (httpcore2.TimeoutException, TimeoutError) as error:
            raise httpx2.ReadTimeout(str(error)) from error
        except httpcore2.ProtocolError as error:
            raise httpx2.RemoteProtocolError(str(error)) from error
        except (httpcore2.NetworkError, OSError) as error:  # the causes above, and `outbound.NotPublic`, are OSErrors
            raise httpx2.ConnectError(str(error)) from error

    def _is_sent(self, name: bytes) -> bool:
        lower = name.decode("latin-1").lower()
        return lower in SENT_HEADERS and lower not in self._dropped

    def close(self) -> None:
        self._pool.close()


def _read(answer: httpcore2.Response) -> bytes:
    encodings = [value for name, value in answer.headers if name.lower() == b"content-encoding"]
    if any(value.strip().lower() not in (b"", b"identity") for value in encodings):
        raise Compressed("the answer is compressed")
    body = bytearray()
    for chunk in cast(Iterable[bytes], answer.stream):
        body += chunk
        if len(body) > MAX_ANSWER_BYTES:
            raise TooLarge("the answer is too large")
    return bytes(body)


class _Backend(httpcore2.SyncBackend):
    def __init__(self, is_guarded: bool, deadline: _Deadline) -> None:
        self._is_guarded = is_guarded
        self._deadline = deadline

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.NetworkStream:
        """To the first address that answers. Raises `outbound.NotPublic`, before any connection, if one of them may not be called."""
        failed: Exception | None = None
        for address in outbound.addresses(host, port) if self._is_guarded else [host]:
            seconds = self._deadline.left(timeout)
            try:
                made = super().connect_tcp(address, port, seconds, local_address, socket_options)
                return _Timed(made, self._deadline)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failed = error
        raise failed or outbound.NotPublic(f"{host} is not known")


class _Timed(httpcore2.NetworkStream):
    """A stream on which nothing is waited for past the deadline, however slowly the other side goes on."""

    def __init__(self, stream: httpcore2.NetworkStream, deadline: _Deadline) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._deadline.left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._deadline.left(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        return _Timed(
            self._stream.start_tls(ssl_context, server_hostname, self._deadline.left(timeout)), self._deadline
        )

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
