"""The ASGI handler of /v1/: Django's request, URL patterns and views, without middleware, request signals and thread hops.

What stock Django would do besides is not needed here: no session, no CSRF (callers bring a key, never a cookie), no database connection to
tidy up (nothing on this way touches the ORM outside the snapshot threads).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from django.conf import settings
from django.http.response import HttpResponseBase
from django.urls import Resolver404, ResolverMatch, URLResolver, include, path
from django.urls.resolvers import RegexPattern

from gateway.api import base, patience, rendering
from gateway.api.feedback import MAX_BODY_BYTES as MAX_FEEDBACK_BYTES
from gateway.api.inference import EventStreamResponse
from gateway.api.lean import LeanRequest, encoded, lines
from gateway.errors import BodyEncoded, BodyTooLarge, BodyTooSlow, GatewayError, InternalError, InvalidRequest
from gateway.pipeline import observability
from gateway.pipeline.exchange import new_request_id
from gateway.types import Surface

logger = logging.getLogger(__name__)
LAST_WORDS_SECONDS = 1.0
DISCARDED_TIMES = 3  # up to that many times the limit is read and thrown away
# What is written leaves at the end of the event loop's turn, and so after a settlement that was begun in it; what is larger may leave at
# once.
KEPT_BACK_BYTES = 32 * 1024
CYCLE = "tollgate.cycle"  # among a scope's extensions: the server's short way for what is here whole (config/cycle.py)
# Where one of these comes twice, a proxy in front may have looked at the other one.
ONCE = frozenset({"authorization", "x-api-key", "content-type", "content-encoding", "host", "idempotency-key"})

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class ClientLeft(Exception):
    """The client closed its connection before its request was whole."""


class LeanHandler:
    """An ASGI application for HTTP requests under /v1/."""

    def __init__(self) -> None:
        # Of its own: the whole project's would import every page there is.
        self._resolver = URLResolver(RegexPattern(r"^/"), [path("v1/", include("gateway.api.urls"))])
        self._known: dict[str, ResolverMatch] = {}
        self._client_seconds: float = settings.GATEWAY_CLIENT_SECONDS
        self._max_body_bytes: int = settings.GATEWAY_MAX_BODY_BYTES
        self._smaller = {"/v1/feedback": min(MAX_FEEDBACK_BYTES, self._max_body_bytes)}  # anybody may send one

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        observability.begin()
        try:
            await self._handle(scope, receive, send)
        finally:
            observability.end()

    async def _handle(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        cycle: Any = None
        try:
            if len(headers) != len(scope["headers"]):
                _check_repeated([name.decode("latin-1") for name, _value in scope["headers"]])
            if headers.get("content-encoding", "identity").lower() != "identity":
                raise BodyEncoded("Send the body as it is: compressed ones are not taken.", param="content-encoding")
            most = self._smaller.get(scope["path"], self._max_body_bytes)
            # Taken out: the two would keep each other, and all that came, until the garbage collector comes by.
            cycle = scope["extensions"].pop(CYCLE, None) if "extensions" in scope else None
            body = cycle.body_here() if cycle is not None else None
            if body is None:
                body = await self._take_body(headers, receive, most)
            elif len(body) > most:
                raise _too_large(most)
        except ClientLeft:
            return
        except GatewayError as error:
            surface = rendering.surface_of(scope["path"], "anthropic-version" in headers)
            response: HttpResponseBase = rendering.error_response(error, surface, f"req_{new_request_id().hex}")
            response.headers["connection"] = "close"  # what is left of the body is not read
            await _send_whole(response, send)
            return
        request = LeanRequest(scope, body, headers)
        match = self._match(request.path_info)
        if match is None:
            response = await base.not_found(request)
        else:
            try:
                response = await match.func(request, *match.args, **match.kwargs)
            except asyncio.CancelledError:
                await _say_stopped_early(rendering.surface_of(scope["path"], "anthropic-version" in headers), send)
                raise
        if isinstance(response, EventStreamResponse):
            await _send_stream(response, receive, send, self._client_seconds)
            return
        settled = response.settled  # type: ignore[attr-defined]
        if settled is not None and len(response.content) > KEPT_BACK_BYTES:  # type: ignore[attr-defined]
            await settled
            settled = None
        try:
            if cycle is None or not cycle.answer(response.status_code, lines(response.headers), response.content):  # type: ignore[attr-defined]
                await _send_whole(response, send)
        finally:
            if settled is not None:
                await settled

    def _match(self, path: str) -> ResolverMatch | None:
        """The view for a path, remembered where the path is the whole pattern. None: a line break in it, say, which no pattern takes."""
        match = self._known.get(path)
        if match is None:
            try:
                match = self._resolver.resolve(path)
            except Resolver404:
                return None
            if not match.kwargs and not match.args:
                self._known[path] = match
        return match

    async def _take_body(self, headers: dict[str, str], receive: Receive, most_bytes: int) -> bytes:
        """The whole body. Raises what `_read_body` does, and `BodyTooSlow`."""
        deadline = patience.Deadline(self._client_seconds)
        try:
            return await self._read_body(headers, receive, most_bytes, deadline)
        except asyncio.CancelledError:
            if not deadline.has_passed:
                raise
            asyncio.current_task().uncancel()  # type: ignore[union-attr]
            raise BodyTooSlow("The request's body did not come in time.") from None
        finally:
            deadline.end()

    async def _read_body(
        self, headers: dict[str, str], receive: Receive, most_bytes: int, deadline: patience.Deadline
    ) -> bytes:
        """The whole body. Raises `BodyTooLarge`, or `ClientLeft` if it never comes whole.

        A body that is somewhat too large is read to its end and thrown away, because a client that is still sending would see a broken
        connection instead of the 413. One that is far too large is not.
        """
        declared = headers.get("content-length", "")
        if declared.isdigit() and int(declared) > most_bytes * DISCARDED_TIMES:
            raise _too_large(most_bytes)
        parts: list[bytes] = []
        size = 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ClientLeft
            part = message.get("body", b"")
            size += len(part)
            if size <= most_bytes:
                parts.append(part)
            elif size > most_bytes * DISCARDED_TIMES:
                raise _too_large(most_bytes)
            else:
                parts.clear()
            if not message.get("more_body", False):
                if size > most_bytes:
                    raise _too_large(most_bytes)
                return parts[0] if len(parts) == 1 else b"".join(parts)
            deadline.extend(size)


def _check_repeated(names: list[str]) -> None:
    """Raises `InvalidRequest` for a header twice that says who asks, or what Tollgate is to do."""
    for name in {name for name in names if names.count(name) > 1}:
        if name in ONCE or name.startswith("x-tollgate-"):
            raise InvalidRequest(f"The header {name} came more than once.", param=name)


def _too_large(most_bytes: int) -> BodyTooLarge:
    return BodyTooLarge(f"The body is larger than {most_bytes} bytes, the most that is taken here.")


def _start(response: HttpResponseBase) -> dict[str, Any]:
    return {"type": "http.response.start", "status": response.status_code, "headers": encoded(response.headers)}


async def _send_whole(response: Any, send: Send) -> None:
    content = response.content
    start = _start(response)
    start["headers"].append((b"content-length", b"%d" % len(content)))
    await send(start)
    await send({"type": "http.response.body", "body": content})


async def _send_stream(response: EventStreamResponse, receive: Receive, send: Send, client_seconds: float) -> None:
    """Send the stream while listening for the client's leaving; settle it whichever of the two comes first. A client that takes nothing for
    so many seconds counts as one that has left."""
    pump = asyncio.current_task()
    assert pump is not None
    has_left = False

    async def listen() -> None:
        nonlocal has_left
        while (await receive())["type"] != "http.disconnect":
            pass
        has_left = True
        pump.cancel()

    listener = asyncio.ensure_future(listen())
    watch = patience.Watch(client_seconds)
    try:
        await send(_start(response))
        async for chunk in response.events():
            await watch.send(send, {"type": "http.response.body", "body": chunk, "more_body": True})
        watch.end()
        listener.cancel()
        cost = await response.answer.close(client_left=False)
        if comments := rendering.ending(cost, response.answer.exchange.prefix_cache):
            await send({"type": "http.response.body", "body": comments, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
    except asyncio.CancelledError:
        has_left = has_left or watch.has_given_up
        if not has_left:
            await _say_stopped(response, send)
            raise
        pump.uncancel()
        if watch.has_given_up:
            patience.hang_up(send)
    finally:
        watch.end()
        listener.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.shield(response.answer.close(client_left=has_left))


async def _say_stopped_early(surface: Surface, send: Send) -> None:
    """As `_say_stopped`, to a caller who has had nothing yet."""
    error = InternalError("The gateway was stopped before the answer came. Try again.", code="gateway_stopped")
    response = rendering.error_response(error, surface, f"req_{new_request_id().hex}")
    with contextlib.suppress(Exception):
        async with asyncio.timeout(LAST_WORDS_SECONDS):
            await asyncio.shield(_send_whole(response, send))


async def _say_stopped(response: EventStreamResponse, send: Send) -> None:
    """This process is being stopped: the caller is told, instead of being left with a torn stream, if it takes that at once."""
    error = InternalError("The gateway was stopped before the answer was whole.", code="gateway_stopped")
    response.answer.fail(error)
    event = rendering.error_event(error, response.surface, response.answer.exchange.public_id)
    with contextlib.suppress(Exception):
        async with asyncio.timeout(LAST_WORDS_SECONDS):
            await send({"type": "http.response.body", "body": event, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
