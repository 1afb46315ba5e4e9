"""Votes on answers: what one is made of, and how it is written down. Whether the answer is there is `gateway.votes`'.

A voter has one vote on an answer and may change it. What a vote leaves out stays as it was, so that a thumb sent twice does not wipe out
the comment that followed the first; unless the rating turns, for what was said was said of the other one.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from gateway.models import Feedback

MAX_COMMENT = 2000
MAX_REASON = 40
MAX_REASONS = 8
# Offered by the console and by the page behind a link; callers may send others of their own.
REASONS = {
    "incorrect": _("Not correct"),
    "incomplete": _("Something is missing"),
    "off_topic": _("Does not answer the question"),
    "outdated": _("Out of date"),
    "unclear": _("Hard to understand"),
    "too_long": _("Too long"),
    "tone": _("Wrong tone"),
    "refused": _("Refused without need"),
    "unsafe": _("Harmful or offensive"),
    "slow": _("Too slow"),
}


class BadVote(ValueError):
    """A vote that cannot be taken as it is; `field` says where, the message what to do."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class Vote(NamedTuple):
    """A rating, and what was said with it. None: nothing was said about it, which is not the same as saying nothing."""

    rating: str
    reasons: tuple[str, ...] | None = None
    comment: str | None = None


class Voter(NamedTuple):
    """Whose vote it is. `identity`: as `Feedback.voter`. `end_user`: the name to show, empty if none is known."""

    identity: str
    source: Feedback.Source
    end_user: str = ""
    api_key_id: UUID | None = None


class Answered(NamedTuple):
    """The request that a vote is about, as the log has it."""

    end_user: str
    task: str
    model: str
    provider: str
    cache: str
    tags: tuple[str, ...] = ()


class Written(NamedTuple):
    """`is_news`: it counts, and has not counted like this before."""

    row: Feedback
    is_news: bool


def vote(rating: str, *, reasons: Iterable[str] | None = None, comment: str | None = None) -> Vote:
    """A vote in the form in which it is kept. Raises `BadVote`."""
    if rating not in Feedback.Rating.values:
        raise BadVote("rating", "rating is “up” or “down”.")
    if comment is not None:
        comment = comment.replace("\x00", "").replace("\r\n", "\n").strip()
        if len(comment) > MAX_COMMENT:
            raise BadVote("comment", f"comment has at most {MAX_COMMENT} characters; this one has {len(comment)}.")
    return Vote(rating, None if reasons is None else _reasons(reasons), comment)


def _reasons(given: Iterable[str]) -> tuple[str, ...]:
    found = tuple(dict.fromkeys(reason.strip() for reason in given if reason.strip()))
    if len(found) > MAX_REASONS:
        raise BadVote("reasons", f"reasons has at most {MAX_REASONS} entries.")
    for reason in found:
        if len(reason) > MAX_REASON or not reason.isprintable():
            raise BadVote("reasons", f"Each of the reasons has at most {MAX_REASON} printable characters.")
    return found


def put(
    tenant_id: UUID,
    request_id: UUID,
    voter: Voter,
    given: Vote,
    *,
    asked_at: datetime,
    found: Answered | None,
    now: datetime,
) -> Written:
    """Write the vote down. Idempotent, atomic. `found` None: the request is not in the log yet."""
    with transaction.atomic():
        row, is_new = Feedback.objects.select_for_update(of=("self",)).get_or_create(
            tenant_id=tenant_id,
            request_id=request_id,
            voter=voter.identity,
            defaults={
                "source": voter.source,
                "end_user": voter.end_user,
                "api_key_id": voter.api_key_id,
                "rating": given.rating,
                "reasons": list(given.reasons or ()),
                "comment": given.comment or "",
                "created_at": now,
                "changed_at": now,
                "asked_at": asked_at,
            },
        )
        is_news = is_new or _change(row, voter, given, now)
        if found is not None and row.matched_at is None:
            match(row, found, now)
            is_news = True
        if is_news:
            row.save()
    return Written(row, is_news and row.matched_at is not None)


def _change(row: Feedback, voter: Voter, given: Vote, now: datetime) -> bool:
    turns = given.rating != row.rating
    reasons = list(given.reasons) if given.reasons is not None else [] if turns else row.reasons
    comment = given.comment if given.comment is not None else "" if turns else row.comment
    if not turns and (reasons, comment) == (row.reasons, row.comment):
        return False
    row.rating, row.reasons, row.comment, row.changed_at = given.rating, reasons, comment, now
    row.source, row.api_key_id = voter.source, voter.api_key_id
    return True


def match(row: Feedback, found: Answered, now: datetime) -> None:
    """Set on the row what the log knows of its request; from when it is saved, it counts."""
    row.task, row.model, row.provider, row.cache = found.task, found.model, found.provider, found.cache
    row.tags = list(found.tags)
    if row.source == Feedback.Source.TOKEN and not row.end_user:
        row.end_user = found.end_user
    row.matched_at = now
