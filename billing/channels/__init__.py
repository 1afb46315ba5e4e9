"""Ways to reach a tenant's people, one a file: `send(destination, message, now)` returns once the other side has taken the message,
and raises `DeliveryError` otherwise. None of them tries again or touches the database: `billing.deliveries` does."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

from billing.channels import email, slack, webhook
from billing.channels.base import DeliveryError, Destination, Message
from billing.models import AlertChannel

__all__ = ["DeliveryError", "Destination", "Message", "send"]

_SENDERS: dict[str, Callable[[Destination, Message, dt.datetime], None]] = {
    AlertChannel.Kind.EMAIL: email.send,
    AlertChannel.Kind.WEBHOOK: webhook.send,
    AlertChannel.Kind.SLACK: slack.send,
}


def send(destination: Destination, message: Message, now: dt.datetime) -> None:
    """Send it once, in at most some ten seconds. Raises `DeliveryError`."""
    _SENDERS[destination.kind](destination, message, now)
