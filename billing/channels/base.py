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
    """Where a message goes: an AlertChannel, apart from the database."""

    kind: str
    target: str
    secret: str = field(default="", repr=False)


class DeliveryError(Exception):
    """The message did not arrive. The text is for the tenant; it holds no secret and nothing that was answered.

    `is_permanent`: it never will, so trying again is of no use.
    """

    def __init__(self, text: str, *, is_permanent: bool = False) -> None:
        super().__init__(text)
        self.is_permanent = is_permanent
