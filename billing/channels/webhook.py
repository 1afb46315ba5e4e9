"""A signed POST after Standard Webhooks (https://www.standardwebhooks.com), version 1 of its symmetric signature."""

from __future__ import annotations

import binascii
import datetime as dt
import json

from standardwebhooks.webhooks import EmptyWebhookSecretError, Webhook

from billing.channels import http
from billing.channels.base import DeliveryError, Destination, Message


def send(destination: Destination, message: Message, now: dt.datetime) -> None:
    payload = {"type": message.event, "timestamp": message.at.isoformat(), "data": message.data}
    body = json.dumps(payload, separators=(",", ":"))
    at = now.astimezone(dt.UTC)  # the library takes the clock's face for UTC
    secrets = [destination.secret, destination.former_secret] if destination.former_secret else [destination.secret]
    try:
        signatures = [Webhook(secret).sign(message.id, at, body) for secret in secrets]
    except (EmptyWebhookSecretError, binascii.Error) as error:
        raise DeliveryError("The channel's signing secret is not a valid one.", is_permanent=True) from error
    headers = {
        "webhook-id": message.id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(signatures),  # a receiver takes the message if one of them is right
    }
    http.post(destination.target, body.encode(), headers)
