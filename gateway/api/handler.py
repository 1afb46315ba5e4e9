"""The ASGI handler of /v1/: Django's request, URL patterns and views, without middleware, request signals and thread hops.

What stock Django would do besides is not needed here: no session, no CSRF (callers bring a key, never a cookie), no database connection to
tidy up (nothing on this way touches the ORM outside the snapshot threads).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from io import BytesIO
from typing import Any

from django.conf import settings
from django.core.handlers.asgi import ASGIRequest
from django.http.response import HttpResponseBase
from django.urls import Resolver404, ResolverMatch, get_resolver

from gateway.api import base, rendering
from gateway.api.feedback import MAX_BODY_BYTES as MAX_FEEDBACK_BYTES
from gateway.api.inference import EventStreamResponse
from gateway.errors import BodyTooLarge, GatewayError, InternalError
from gateway.pipeline import observability
from gateway.pipeline.exchange import new_request_id
from gateway.types import Surface

logger = logging.getLogger(__name__)
LAST_WORDS_SECONDS = 1.0
DISCARDED_TIMES = 3  # up to that many times the limit is read and thrown away

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class ClientLeft(Exception):
    """The client closed its connection before its request was whole."""


class LeanHandler:
    """An ASGI application for HTTP requests under /v1/."""

    def __init__(self) -> None:
        self._resolver = get_resolver()
        self._known: dict[str, ResolverMatch] = {}
        self._max_body_bytes: int = settings.GATEWAY_MAX_BODY_BYTES
        self._smaller = {"/v1/feedback": min(MAX_FEEDBACK_BYTES, self._max_body_bytes)}  # anybody may send one

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        with observability.IN_FLIGHT.track_inprogress():
            await self._handle(scope, receive, send)

    async def _handle(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        try:
            most = self._smaller.get(scope["path"], self._max_body_bytes)
            body = await self._read_body(headers, receive, most)
        except ClientLeft:
            return
        except GatewayError as error:
            surface = rendering.surface_of(scope["path"], "anthropic-version" in headers)
            response: HttpResponseBase = rendering.error_response(error, surface, f"req_{new_request_id().hex}")
            response.headers["connection"] = "close"  # what is left of the body is not read
            await _send_whole(response, send)
            return
        request = ASGIRequest(scope, BytesIO(body))
        request._body = body
        request.lower_headers = headers  # type: ignore[attr-defined]
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
            await _send_stream(response, receive, send)
        else:
            await _send_whole(response, send)

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

    async def _read_body(self, headers: dict[str, str], receive: Receive, most_bytes: int) -> bytes:
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


def _too_large(most_bytes: int) -> BodyTooLarge:
    return BodyTooLarge(f"The body is larger than {most_bytes} bytes, the most that is taken here.")


def _start(response: HttpResponseBase) -> dict[str, Any]:
    headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in response.items()]
    return {"type": "http.response.start", "status": response.status_code, "headers": headers}


async def _send_whole(response: Any, send: Send) -> None:
    content = response.content
    start = _start(response)
    start["headers"].append((b"content-length", b"%d" % len(content)))
    await send(start)
    await send({"type": "http.response.body", "body": content})


async def _send_stream(response: EventStreamResponse, receive: Receive, send: Send) -> None:
    """Send the stream while listening for the client's leaving; settle it whichever of the two comes first."""
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
    try:
        await send(_start(response))
        async for chunk in response.events():
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        listener.cancel()
        cost = await response.answer.close(client_left=False)
        if comments := rendering.ending(cost, response.answer.exchange.prefix_cache):
            await send({"type": "http.response.body", "body": comments, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
    except asyncio.CancelledError:
        if not has_left:
            await _say_stopped(response, send)
            raise
        pump.uncancel()
    finally:
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
