"""The mails that the server of the browser tests has written into its folder."""

from __future__ import annotations

import email
import email.policy
from pathlib import Path

from django.conf import settings

from tests.gateway.live import wait_until


def latest_to(address: str) -> str:
    """The text of the latest mail to the address; waits for one."""

    def found() -> str | None:
        folder = Path(settings.VAR_DIR) / "mail"
        files = sorted(folder.glob("*.log"), key=lambda path: path.stat().st_mtime, reverse=True)
        for path in files:
            message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
            if address in str(message["To"]):
                body = message.get_body()
                return str(body.get_content()) if body is not None else ""
        return None

    text: str = wait_until(found)
    return text


def link_in(text: str, part: str) -> str:
    """The address in it that has this in its path."""
    return next(word for word in text.split() if part in word)
