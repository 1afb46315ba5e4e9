"""A POST of `{"text": …}`, as Slack's incoming webhooks take it, and Mattermost's, Rocket.Chat's and Discord's (/slack) with them."""

from __future__ import annotations

import datetime as dt
import json

from billing.channels import http
from billing.channels.base import Destination, Message


def send(destination: Destination, message: Message, now: dt.datetime) -> None:
    http.post(destination.target, json.dumps({"text": escaped(message.text)}).encode())


def escaped(text: str) -> str:
    """Without markup: the name of an end user must not call the whole channel with <!channel>."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
