"""POST /v1/feedback: a thumb on an answer, by an API key, by the answer's own token, or from the playground.

Browsers on other sites may send tokens, so every answer from here may be read from anywhere. That gives nobody anything: there are no
cookies in it, and who has a key or a token may use it from anywhere else, too.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any
from uuid import UUID

import msgspec
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from drf_spectacular.utils import extend_schema_view

from gateway import runtime, votes
from gateway.api import schemas
from gateway.api.base import GatewayView, remote_address, secret_of
from gateway.api.lean import WholeResponse
from gateway.errors import InvalidRequest
from gateway.models import Feedback
from gateway.pipeline import credentials
from gateway.pipeline.validator import MAX_END_USER
from gateway.quality import feedback, feedback_tokens
from gateway.quality.feedback import BadVote, Vote, Voter
from gateway.types import Key, Snapshot
from tenants import playground

MAX_BODY_BYTES = 32 * 1024  # the longest comment, each of its characters escaped
CORS = {
    "access-control-allow-origin": "*",
    "access-control-allow-methods": "POST",
    "access-control-allow-headers": "authorization, content-type, x-api-key",
    "access-control-expose-headers": "retry-after, x-request-id",
    "access-control-max-age": "86400",
}


class _Body(msgspec.Struct, forbid_unknown_fields=True):
    rating: str
    request_id: str = ""
    token: str = ""
    reasons: list[str] | None = None
    comment: str | None = None
    user: str | None = None


_bodies = msgspec.json.Decoder(_Body)


@extend_schema_view(post=schemas.feedback)
class FeedbackView(GatewayView):
    """What somebody thinks of an answer. One vote for each voter and answer; sent again, it is changed."""

    scope = "feedback"

    async def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:  # type: ignore[override]
        if request.method == "OPTIONS":  # a browser asks whether it may
            response: HttpResponseBase = WholeResponse(b"", status=204)
        else:
            response = await super().dispatch(request, *args, **kwargs)
        for name, value in CORS.items():
            response.headers[name] = value
        return response

    async def admit(
        self, handler: Callable[..., Awaitable[HttpResponseBase]], *args: Any, **kwargs: Any
    ) -> HttpResponseBase:
        self.body = _decode(self.request.body)
        if not self.body.token:
            return await super().admit(handler, *args, **kwargs)
        if self.body.request_id or self.body.user:
            raise InvalidRequest(
                "A token says which answer it is and whose vote: send it without request_id and user.", param="token"
            )
        address = remote_address(self.request)
        return await _cast(partial(votes.by_token, self.body.token, _vote(self.body), address=address))

    async def post(self, snapshot: Snapshot, digest: str) -> WholeResponse:
        state = runtime.current()
        if not await state.snapshots.is_current(snapshot):
            snapshot = await credentials.renewed(snapshot, digest, self.scope, state.snapshots)
        voter = _voter(snapshot.tenant_id, snapshot.keys[digest], self.body.user or "", secret_of(self.headers))
        return await _cast(
            partial(votes.by_key, snapshot.tenant_id, _request_id(self.body.request_id), voter, _vote(self.body))
        )


async def _cast(cast: Callable[[], Feedback]) -> WholeResponse:
    row = await runtime.current().votes.once(object(), cast)
    return WholeResponse(msgspec.json.encode(_json(row)))


def _decode(content: bytes) -> _Body:
    try:
        return _bodies.decode(content)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidRequest(f"Send JSON with request_id (or token) and rating, “up” or “down”: {error}.") from error


def _vote(body: _Body) -> Vote:
    try:
        return feedback.vote(body.rating, reasons=body.reasons, comment=body.comment)
    except BadVote as error:
        raise InvalidRequest(str(error), param=error.field) from error


def _request_id(text: str) -> UUID:
    if not text:
        raise InvalidRequest(
            "request_id is missing: it is what the header x-request-id of the answer says.", param="request_id"
        )
    try:
        return UUID(text.removeprefix("req_"))
    except ValueError as error:
        raise InvalidRequest("request_id looks like req_ and 32 hexadecimal digits.", param="request_id") from error


def _voter(tenant_id: UUID, key: Key, user: str, secret: str) -> Voter:
    """The end user that the application names, or else the key; in the playground the person."""
    if key.is_playground and (player := playground.read(secret)) is not None:
        return Voter(f"person:{player.person}"[:80], Feedback.Source.PLAYGROUND, player.person, key.id)
    user = user.strip()
    if len(user) > MAX_END_USER or not user.isprintable():
        raise InvalidRequest(f"user has at most {MAX_END_USER} printable characters.", param="user")
    if not user:
        return Voter(f"key:{key.id.hex}", Feedback.Source.API, "", key.id)
    return Voter(feedback_tokens.reader(tenant_id, user), Feedback.Source.API, user, key.id)


def _json(row: Feedback) -> dict[str, Any]:
    return {
        "object": "feedback",
        "request_id": str(row),
        "user": row.end_user if row.source == Feedback.Source.API and row.end_user else None,
        "rating": row.rating,
        "reasons": row.reasons,
        "comment": row.comment,
        "created_at": _time(row.created_at),
        "changed_at": _time(row.changed_at),
    }


def _time(at: Any) -> str:
    return str(at.isoformat(timespec="milliseconds")).replace("+00:00", "Z")
