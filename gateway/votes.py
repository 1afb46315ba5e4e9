"""Feedback as it comes in: is the answer there and may it still be rated, who has this vote, and what follows from it.

A request is looked for where it can be: in the log, among those under way, among those that wait to be drained. A vote on one that the log
does not have yet is kept and counts nowhere until the log has it (`match`); if it never does, the vote is dropped after a day and counted.
Somebody else's request is one that does not exist.

Runs in threads of the gateway and in pages; asks PostgreSQL, and Redis where the log is not enough.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django_redis import get_redis_connection
from prometheus_client import Counter
from redis import Redis

from gateway.errors import Gone, InvalidRequest, NotFound, RateLimited
from gateway.models import Feedback, RequestLog
from gateway.quality import feedback, feedback_tokens
from gateway.quality.feedback import Answered, Vote, Voter
from gateway.quality.feedback_tokens import Ticket
from gateway.stores import spool, usage_record
from gateway.types import Endpoint
from tenants import redis_keys
from tenants.models import Tenant

logger = logging.getLogger(__name__)

ANSWERED = (RequestLog.Outcome.OK, RequestLog.Outcome.CUT, RequestLog.Outcome.CLIENT_LEFT)
RATED = (Endpoint.CHAT.value, Endpoint.MESSAGES.value)
UNMATCHED_FOR = dt.timedelta(days=1)
MOST_LOOKED_THROUGH = 5000  # records that wait; where there are more, the vote waits with them
MATCHED_AT_ONCE = 500
CLOCKS_APART_MS = 5000
ATTEMPT_BYTE = 0xFF  # of an id: 0 in a request's
VOTES_PER_TOKEN, PACE_SECONDS = 20, 60

GIVEN = Counter("tollgate_feedback_total", "Votes on answers that count.", ["rating", "source"])
DROPPED = Counter("tollgate_feedback_dropped_total", "Votes on requests that never appeared in the log.")

Follower = Callable[[Feedback], None]
_followers: list[Follower] = []


def follow(follower: Follower) -> Follower:
    """Have a function called with each vote that counts, when it comes and whenever it changes, after it is written down.

    It runs where the vote came in, so it is quick; it may be called twice for the same; what it raises is logged and stops nobody. To be
    registered in an app's `ready`.
    """
    _followers.append(follower)
    return follower


def by_key(tenant_id: UUID, request_id: UUID, voter: Voter, given: Vote) -> Feedback:
    """A vote that somebody with a key of the tenant's passes on. Raises `GatewayError`, and what PostgreSQL and Redis raise."""
    return _cast(tenant_id, request_id, voter, given, is_ours=False)


def by_token(token: str, given: Vote, *, address: str) -> Feedback:
    """The vote of whoever holds the token, calling from that address. Raises as `by_key`."""
    ticket = ticket_of(token)
    _keep_pace(ticket, address)
    _refuse_closed(ticket)
    voter = Voter(ticket.reader, Feedback.Source.TOKEN)
    return _cast(ticket.tenant_id, ticket.request_id, voter, given, is_ours=True)


def ticket_of(token: str) -> Ticket:
    """What the token says. Raises `NotFound` if it is none of ours, `Gone` if it is too old."""
    ticket = feedback_tokens.read(token)
    if ticket is None:
        raise NotFound("This is no feedback token of ours. Was it copied whole?", code="invalid_feedback_token")
    _asked_at(ticket.request_id)
    return ticket


def given_by(ticket: Ticket) -> Feedback | None:
    """What the token's holder has said so far."""
    return Feedback.objects.filter(
        tenant_id=ticket.tenant_id, request_id=ticket.request_id, voter=ticket.reader
    ).first()


def match(now: dt.datetime | None = None) -> int:
    """Let votes count whose requests have come into the log, and drop those that waited a day in vain; returns how many began to count.

    Idempotent; of two at once, each vote is one's.
    """
    now = now or timezone.now()
    waiting = Feedback.objects.filter(matched_at=None).order_by("created_at")[:MATCHED_AT_ONCE]
    return sum(_match(row.pk, now) for row in waiting)


def _match(pk: UUID, now: dt.datetime) -> bool:
    with transaction.atomic():
        row = Feedback.objects.select_for_update(of=("self",), skip_locked=True).filter(pk=pk, matched_at=None).first()
        if row is None:
            return False
        found, is_over = None, now - row.created_at > UNMATCHED_FOR
        try:
            found = _in_log(row.tenant_id, row.request_id)
        except InvalidRequest:
            is_over = True  # the request has come, and there is nothing to rate
        if found is None:
            if is_over:
                row.delete()
                DROPPED.inc()
                logger.warning("a vote on %s of tenant %s is dropped: there is no such answer", row, row.tenant_id)
            return False
        feedback.match(row, found, now)
        row.save()
    _after(row)
    return True


def _cast(tenant_id: UUID, request_id: UUID, voter: Voter, given: Vote, *, is_ours: bool) -> Feedback:
    """`is_ours`: that the request is the tenant's is known already."""
    asked_at = _asked_at(request_id)
    found = _in_log(tenant_id, request_id)
    if found is None and not (is_ours or _is_on_its_way(tenant_id, request_id)):
        # It may have gone from the stream to the log while we looked.
        found = _in_log(tenant_id, request_id)
        if found is None:
            raise _no_such_request()
    written = feedback.put(tenant_id, request_id, voter, given, asked_at=asked_at, found=found, now=timezone.now())
    if written.is_news:
        _after(written.row)
    return written.row


def _no_such_request() -> NotFound:
    return NotFound(
        "There is no such request. request_id takes what the header x-request-id of the answer says.",
        param="request_id",
        code="request_not_found",
    )


def _after(row: Feedback) -> None:
    """What follows from a vote, once it is written down for good."""
    GIVEN.labels(row.rating, row.source).inc()
    transaction.on_commit(lambda: _tell_followers(row))


def _tell_followers(row: Feedback) -> None:
    for follower in _followers:
        try:
            follower(row)
        except Exception:
            logger.exception("what should follow from a vote on %s did not", row)


def _asked_at(request_id: UUID) -> dt.datetime:
    """When the request was accepted, which its id says. Raises `NotFound` for an id that is none of ours, `Gone` for an old one."""
    asked_ms = request_id.int >> 80
    age_ms = timezone.now().timestamp() * 1000 - asked_ms
    if request_id.version != 7 or request_id.int & ATTEMPT_BYTE or age_ms < -CLOCKS_APART_MS:
        raise _no_such_request()
    if age_ms > dt.timedelta(days=settings.GATEWAY_FEEDBACK_DAYS) / dt.timedelta(milliseconds=1):
        raise Gone(
            f"This answer is too old to be rated: that is possible for {settings.GATEWAY_FEEDBACK_DAYS} days.",
            code="feedback_too_late",
        )
    return dt.datetime.fromtimestamp(asked_ms / 1000, dt.UTC)


def _in_log(tenant_id: UUID, request_id: UUID) -> Answered | None:
    """The answer; None if the log does not have the request. Raises `InvalidRequest` if it got no answer that could be rated."""
    asked_at = dt.datetime.fromtimestamp((request_id.int >> 80) / 1000, dt.UTC)
    around = dt.timedelta(milliseconds=1)  # one partition is looked at, and not every day there is
    row = (
        RequestLog.objects.filter(
            accepted_at__gte=asked_at - around, accepted_at__lte=asked_at + around, request_id=request_id
        )
        .filter(tenant_id=tenant_id, is_final=True)
        .first()
    )
    if row is None or row.outcome == RequestLog.Outcome.ABANDONED:  # its process may still tell what became of it
        return None
    if row.outcome not in ANSWERED or row.endpoint not in RATED:
        raise InvalidRequest("This request got no answer that could be rated.", code="nothing_to_rate")
    return Answered(row.end_user, row.task, row.model_served, row.provider, row.cache, tuple(row.tags))


def _is_on_its_way(tenant_id: UUID, request_id: UUID) -> bool:
    """Whether the tenant's request is under way or waits to be drained. Where that cannot be told, because records wait on this machine's
    disk, or too many in the stream to look at all of them, it may be."""
    # In the order in which a request passes these places, so that it is not missed between them.
    if spool.count_waiting(settings.GATEWAY_SPOOL_DIR).records:
        return True
    redis = get_redis_connection("default")
    if redis.hexists(redis_keys.holds(tenant_id), request_id.hex):
        return True
    found = _waiting_records(redis, tenant_id, (request_id.int >> 80) - CLOCKS_APART_MS)
    name = str(request_id).encode()
    if any(name in data and usage_record.decode(data).request_id == request_id for data in found):
        return True
    return len(found) >= MOST_LOOKED_THROUGH


def _waiting_records(redis: Redis, tenant_id: UUID, since_ms: int) -> list[bytes]:
    entries: Any = redis.xrange(redis_keys.usage_stream(tenant_id), min=str(since_ms), count=MOST_LOOKED_THROUGH)
    return [fields[b"r"] for _id, fields in entries]


def _keep_pace(ticket: Ticket, address: str) -> None:
    """Raises `RateLimited` for a token, or an address at one tenant, that votes again and again."""
    redis = get_redis_connection("default")
    pipeline = redis.pipeline(transaction=False)
    limits = {
        redis_keys.feedback_pace(ticket.tenant_id, ticket.request_id.hex): VOTES_PER_TOKEN,
        redis_keys.feedback_pace(ticket.tenant_id, address): settings.GATEWAY_FEEDBACK_PER_MINUTE,
    }
    for key in limits:
        pipeline.set(key, 0, ex=PACE_SECONDS, nx=True)
        pipeline.incr(key)
    counts = pipeline.execute()[1::2]
    if any(count > limit for count, limit in zip(counts, limits.values(), strict=True)):
        raise RateLimited(
            "Too many votes in a minute. Try again in a moment.",
            code="feedback_rate_limited",
            retry_after_seconds=PACE_SECONDS,
        )


def _refuse_closed(ticket: Ticket) -> None:
    if not Tenant.objects.filter(pk=ticket.tenant_id, is_active=True).exists():
        raise Gone("This answer can't be rated any more.", code="feedback_closed")
