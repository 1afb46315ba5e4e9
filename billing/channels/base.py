"""What every channel takes and what it may answer."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Message:
    """An alert in words and as data. `id` is the same at every attempt, so that a receiver can drop repeats."""

    id: str
    event: str
    at: dt.datetime
    subject: str  # one line
    text: str
    data: dict[str, Any]  # JSON


@dataclass(frozen=True)
class Destination:
    """Where a message goes: an AlertChannel, apart from the database.

    `former_secret` is the one before, for a while after it was replaced.
    """

    kind: str
    target: str
    secret: str = field(default="", repr=False)
    former_secret: str = field(default="", repr=False)


class DeliveryError(Exception):
    """The message did not arrive. The text is for the tenant; it holds no secret and nothing that was answered.

    `is_permanent`: it never will, so trying again is of no use. `is_gone`: nor will any other message, for the receiver says that it is
    gone.
    """

    def __init__(self, text: str, *, is_permanent: bool = False, is_gone: bool = False) -> None:
        super().__init__(text)
        self.is_permanent = is_permanent or is_gone
        self.is_gone = is_gone
