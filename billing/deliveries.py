"""Alerts on their way: what is due is claimed, sent, and noted, until it is delivered or given up.

A claim moves `next_attempt_at` ahead in a short transaction, and nothing is locked while something is sent. Whoever dies in between
leaves a delivery that is due again when its claim runs out: an alert may come twice, with the same id, but never not at all.

One slow receiver holds up only itself: each channel is a lane of its own with a few deliveries under way (all e-mail is one lane, for
it waits for the same server), and while its lane is busy the other lanes go on.
"""

from __future__ import annotations

import datetime as dt
import logging
import random
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from functools import partial
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Case, CharField, Exists, F, OuterRef, Q, TextField, Value, When, Window
from django.db.models.functions import Cast, RowNumber
from django.utils import timezone
from django.utils.translation import gettext as _

from billing import alert_channels, alert_messages, channels
from billing.channels import DeliveryError, Destination, Message
from billing.models import Alert, AlertChannel, AlertDelivery
from tenants import encryption
from tenants.ids import uuid7

logger = logging.getLogger(__name__)

BACK_OFF_SECONDS = (5, 30, 120, 600, 3600, 21_600)
MAX_ATTEMPTS = len(BACK_OFF_SECONDS) + 1
JITTER = 0.2  # at most this share is added, so that what failed together does not come back together
CLAIM_SECONDS = 120  # longer than any sending takes
AT_ONCE = 32
AT_ONCE_PER_LANE = 4
ERRORS_KEPT = 10
ERROR_LENGTH = 300
POLL_SECONDS = 1.0
RUN_SECONDS = 20.0
UNCONFIRMED = "Nobody has confirmed the address."
_LOCK = 0x7011_A1E7

Status = AlertDelivery.Status
Notice = AlertDelivery.Notice


@dataclass(frozen=True)
class Sent:
    """What a run did: deliveries that arrived, that will be tried again, and that were given up."""

    delivered: int = 0
    put_off: int = 0
    given_up: int = 0


@dataclass(frozen=True)
class Claimed:
    """A delivery that is ours to try until its claim runs out. `fault`: why it cannot even be tried."""

    id: UUID
    attempt: int
    lane: str
    channel_id: UUID
    destination: Destination
    alert: Alert
    notice: str
    errors: tuple[str, ...]
    fault: DeliveryError | None = None


def run(*, clock: Callable[[], dt.datetime] = timezone.now, seconds: float = RUN_SECONDS) -> Sent:
    """Send what is due, and what becomes due within `seconds`. At once if somebody else is at it, for one is enough.

    Raises what PostgreSQL raises; what was being sent is then due again when its claim runs out.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [_LOCK])
        if not cursor.fetchone()[0]:
            return Sent()
    try:
        return _run(clock, clock() + dt.timedelta(seconds=seconds))
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [_LOCK])


def _run(clock: Callable[[], dt.datetime], until: dt.datetime) -> Sent:
    sent = Sent()
    under_way: dict[Future[DeliveryError | None], Claimed] = {}
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="deliver") as threads:
        while True:
            if clock() <= until and len(under_way) < AT_ONCE:
                busy = {claimed.lane for claimed in under_way.values()}
                for claimed in claim(clock(), room=AT_ONCE - len(under_way), busy=busy):
                    under_way[threads.submit(attempt, claimed, clock())] = claimed
            if not under_way:
                return sent
            done, _rest = wait(under_way, timeout=POLL_SECONDS, return_when=FIRST_COMPLETED)
            for future in done:
                status = note(under_way.pop(future), future.result(), clock())
                sent = _counted(sent, status)


def _counted(sent: Sent, status: Status) -> Sent:
    if status == Status.DELIVERED:
        return replace(sent, delivered=sent.delivered + 1)
    if status == Status.WAITING:
        return replace(sent, put_off=sent.put_off + 1)
    return replace(sent, given_up=sent.given_up + 1)


def claim(now: dt.datetime, *, room: int = AT_ONCE, busy: set[str] | frozenset[str] = frozenset()) -> list[Claimed]:
    """Take deliveries that are due, a few of each lane that is not busy, first those that have waited longest in it.

    Nobody is told that something is worse or over before that it began.
    """
    is_mail = When(channel__kind=AlertChannel.Kind.EMAIL, then=Value("email"))
    due = AlertDelivery.objects.filter(status=Status.WAITING, next_attempt_at__lte=now).annotate(
        lane=Case(is_mail, default=Cast("channel_id", CharField()), output_field=CharField())
    )
    untold = AlertDelivery.objects.filter(alert=OuterRef("alert"), channel=OuterRef("channel"), status=Status.WAITING)
    due = due.filter(Q(notice=Notice.RAISED) | ~Exists(untold.filter(notice=Notice.RAISED))).filter(
        ~Q(notice=Notice.RESOLVED) | ~Exists(untold.filter(notice=Notice.WORSE))
    )
    place = Window(RowNumber(), partition_by=F("lane"), order_by=["next_attempt_at", "id"])
    fair = due.exclude(lane__in=busy).annotate(place=place).filter(place__lte=AT_ONCE_PER_LANE)
    wanted = list(fair.order_by("place", "next_attempt_at").values_list("id", flat=True)[:room])
    if not wanted:
        return []
    with transaction.atomic():
        still = AlertDelivery.objects.filter(id__in=wanted, status=Status.WAITING, next_attempt_at__lte=now)
        ids = list(still.select_for_update(skip_locked=True).values_list("id", flat=True))
        AlertDelivery.objects.filter(id__in=ids).update(
            attempts=F("attempts") + 1, next_attempt_at=now + dt.timedelta(seconds=CLAIM_SECONDS)
        )
        return _loaded(ids)


def _loaded(ids: list[UUID]) -> list[Claimed]:
    """With everything that sending takes."""
    rows: list[Any] = list(
        AlertDelivery.objects.filter(id__in=ids)
        .select_related("channel")
        .defer("channel__secret", "channel__former_secret")
        .annotate(
            ciphertext=Cast("channel__secret", TextField()),
            former_ciphertext=Cast("channel__former_secret", TextField()),
        )
    )
    alerts = alert_messages.with_key_names(Alert.objects.filter(id__in={row.alert_id for row in rows}))
    by_id = {alert.id: alert for alert in alerts.select_related("tenant")}
    return [_claimed(row, by_id[row.alert_id]) for row in rows]


def _claimed(row: Any, alert: Alert) -> Claimed:
    channel = row.channel
    fault: DeliveryError | None = None
    destination = Destination(channel.kind, channel.target)
    try:
        destination = _destination(channel, row)
    except DeliveryError as error:
        fault = error
    if channel.awaits_confirmation:
        fault = DeliveryError(UNCONFIRMED, is_permanent=True)
    if not channel.is_active:
        fault = DeliveryError("The channel is switched off.", is_permanent=True)
    if row.attempts > MAX_ATTEMPTS:
        fault = DeliveryError("The last attempt came to no result.", is_permanent=True)
    lane = "email" if channel.kind == AlertChannel.Kind.EMAIL else str(channel.id)
    return Claimed(
        id=row.id,
        attempt=row.attempts,
        lane=lane,
        channel_id=channel.id,
        destination=destination,
        alert=alert,
        notice=row.notice,
        errors=tuple(row.errors),
        fault=fault,
    )


def attempt(claimed: Claimed, now: dt.datetime) -> DeliveryError | None:
    """Send it once; returns what went wrong. Never raises, and touches no database."""
    if claimed.fault is not None:
        return claimed.fault
    return _sent(claimed.destination, partial(alert_messages.of, claimed.alert, claimed.id, claimed.notice), now)


def _sent(destination: Destination, message: Callable[[], Message], now: dt.datetime) -> DeliveryError | None:
    """What went wrong, whatever it is: no delivery may stop the others."""
    try:
        channels.send(destination, message(), now)
    except DeliveryError as error:
        return error
    except Exception:
        logger.exception("an alert could not be sent by %s, in an unforeseen way", destination.kind)
        return DeliveryError("Tollgate failed to send it; its log says why.")
    return None


def note(claimed: Claimed, error: DeliveryError | None, now: dt.datetime) -> Status:
    """Write down how the attempt went, and when the next one is due. Returns the delivery's new status.

    Success counts whenever it comes; a failure does not count if somebody else has tried since.
    """
    row = AlertDelivery.objects.filter(id=claimed.id, status=Status.WAITING)
    if error is None:
        row.update(status=Status.DELIVERED, delivered_at=now)
        return Status.DELIVERED
    is_over = error.is_permanent or claimed.attempt >= MAX_ATTEMPTS
    status = Status.FAILED if is_over else Status.WAITING
    line = f"{now.astimezone(dt.UTC):%Y-%m-%d %H:%M:%S} UTC: {error}"[:ERROR_LENGTH]
    row.filter(attempts=claimed.attempt).update(
        status=status,
        next_attempt_at=now if is_over else retry_at(now, claimed.attempt),
        errors=[*claimed.errors, line][-ERRORS_KEPT:],
    )
    if is_over:
        logger.warning("delivery %s of an alert was given up after %s attempts: %s", claimed.id, claimed.attempt, error)
    if error.is_gone:
        alert_channels.switch_off(claimed.channel_id, because=str(error), now=now)
    return status


def retry_at(now: dt.datetime, attempt: int) -> dt.datetime:
    """When to try again after the given attempt (from 1 on) failed."""
    seconds = BACK_OFF_SECONDS[min(attempt, len(BACK_OFF_SECONDS)) - 1]
    return now + dt.timedelta(seconds=seconds * (1 + random.uniform(0, JITTER)))  # noqa: S311 (no secret)


def send_trials(channel_ids: Iterable[UUID], now: dt.datetime) -> dict[UUID, DeliveryError | None]:
    """Send a test alert to each of the channels, now and once; returns what went wrong, by the channel's id."""
    rows = AlertChannel.objects.filter(id__in=list(channel_ids)).select_related("tenant")
    rows = rows.defer("secret", "former_secret").annotate(
        ciphertext=Cast("secret", TextField()), former_ciphertext=Cast("former_secret", TextField())
    )
    results: dict[UUID, DeliveryError | None] = {}
    sending: dict[UUID, Future[DeliveryError | None]] = {}
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="try-alert") as threads:
        for row in rows:
            if row.awaits_confirmation:
                results[row.id] = DeliveryError(UNCONFIRMED, is_permanent=True)
                continue
            message = partial(alert_messages.trial, row, uuid7(), now)
            try:
                sending[row.id] = threads.submit(_sent, _destination(row, row), message, now)
            except DeliveryError as error:
                results[row.id] = error
    return results | {channel_id: future.result() for channel_id, future in sending.items()}


def _destination(channel: AlertChannel, ciphertexts: Any) -> Destination:
    """Raises `DeliveryError` if no key opens the secret: that is this channel's trouble and nobody else's."""
    former = ciphertexts.former_ciphertext if channel.former_until and channel.former_until > timezone.now() else ""
    try:
        secret, former = (encryption.decrypt(text) if text else "" for text in (ciphertexts.ciphertext, former))
    except encryption.UndecryptableError as error:
        logger.error("the secret of alert channel %s opens with none of the encryption keys", channel.id)
        raise DeliveryError("The channel's signing secret cannot be read.") from error
    return Destination(channel.kind, channel.target, secret, former)


class SwitchedOff(ValueError):
    """The channel is told nothing at present."""


def resend(delivery: AlertDelivery, now: dt.datetime) -> bool:
    """Try a delivery anew, from the first attempt on, with the same id; False while it waits anyway. What went wrong before stays noted.

    Raises `SwitchedOff`, for people to read, if nothing would be sent.
    """
    if not delivery.channel.is_active or delivery.channel.awaits_confirmation:
        text = _("“%(name)s” is switched off or not confirmed yet, so nothing is sent to it.")
        raise SwitchedOff(text % {"name": delivery.channel.name})
    over = AlertDelivery.objects.filter(pk=delivery.pk).exclude(status=Status.WAITING)
    return bool(over.update(status=Status.WAITING, attempts=0, next_attempt_at=now))
