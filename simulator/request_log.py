"""What the simulator received and how each request ended: a bounded log of entries, and totals that are never dropped.

Outcomes: `in_progress`, `completed`, `refused` (the request itself was wrong), `cut`, `client_disconnected`, `fault:NAME`,
and `crashed` for an error of the simulator's own.
"""

from __future__ import annotations

import base64
import time
from collections import deque
from typing import Any

import msgspec

from simulator import behaviour as behaviours
from simulator.usage import Usage

Pairs = list[tuple[bytes, bytes]]
MAXIMUM_MODELS = 10_000
OTHER_MODELS = "(other)"


class Entry(msgspec.Struct):
    """One request. `body` is None until it is read, then the decoded JSON; `raw_body` keeps what is not JSON."""

    seq: int
    time: float
    method: str
    path: str
    headers: Pairs
    surface: str
    body: Any = None
    raw_body: bytes | None = None
    model: str | None = None
    stream: bool = False
    status: int | None = None
    outcome: str = "in_progress"
    chunks_sent: int = 0
    usage: Usage | None = None

    def shown(self) -> dict[str, Any]:
        """The entry as JSON shows it."""
        fields = msgspec.structs.asdict(self)
        raw = fields.pop("raw_body")
        fields["headers"] = [[name.decode("latin-1"), value.decode("latin-1")] for name, value in self.headers]
        fields["body"] = {"base64": base64.b64encode(raw).decode()} if raw is not None else self.body
        return fields


class ModelTotal(msgspec.Struct):
    requests: int = 0
    usage: Usage = Usage()
    by_outcome: dict[str, int] = {}

    def add(self, outcome: str, usage: Usage | None) -> None:
        self.requests += 1
        self.by_outcome[outcome] = self.by_outcome.get(outcome, 0) + 1
        if usage is not None:
            self.usage = self.usage.plus(usage)


class RequestLog:
    """`size` entries are kept, the newest; with 0 none are, and only the totals are kept."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._entries: deque[Entry] = deque(maxlen=size)
        self._next_seq = 1
        self._total = ModelTotal()
        self._by_model: dict[str, ModelTotal] = {}

    def open(self, *, method: str, path: str, headers: Pairs, surface: str) -> Entry:
        """Begins an entry; it shows as in progress until it is closed."""
        entry = Entry(self._next_seq, time.time(), method, path, headers, surface)
        self._next_seq += 1
        if self.size:
            self._entries.append(entry)
        return entry

    def close(self, entry: Entry, outcome: str, usage: Usage | None) -> None:
        """Ends an entry and adds it to the totals. Idempotent: the first outcome stands."""
        if entry.outcome != "in_progress":
            return
        entry.outcome = outcome
        entry.usage = usage
        self._total.add(outcome, usage)
        model = entry.model or "(none)"
        total = self._by_model.get(model)
        if total is None:
            model = model if len(self._by_model) < MAXIMUM_MODELS else OTHER_MODELS
            total = self._by_model.setdefault(model, ModelTotal())
        total.add(outcome, usage)

    def entries(self, *, limit: int | None = None, model: str | None = None, since: int | None = None) -> list[Entry]:
        """Oldest first; with a limit the newest of them. `since` leaves out that sequence number and what came before it."""
        found = [
            entry
            for entry in self._entries
            if (since is None or entry.seq > since)
            and (model is None or model in (entry.model, behaviours.plain_model(entry.model or "")))
        ]
        return found if limit is None else found[len(found) - min(limit, len(found)) :]

    def totals(self) -> dict[str, Any]:
        return {
            "requests": self._total.requests,
            "usage": self._total.usage,
            "by_outcome": self._total.by_outcome,
            "by_model": self._by_model,
        }

    def clear(self) -> None:
        """Forgets entries and totals; sequence numbers go on. What is in progress counts once it ends."""
        self._entries.clear()
        self._total = ModelTotal()
        self._by_model = {}
