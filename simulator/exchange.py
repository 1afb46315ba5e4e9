"""One provider request on its way through the simulator: what is known of it so far, and what it leaves in the log."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import msgspec

from simulator import faults
from simulator.ask import Surface
from simulator.behaviour import Behaviour
from simulator.connection import Connection
from simulator.errors import ProviderError
from simulator.provider_headers import Headers, headers_for
from simulator.usage import Usage

if TYPE_CHECKING:
    from simulator.app import Simulator

JSON = b"application/json"
EVENT_STREAM = b"text/event-stream; charset=utf-8"


class Exchange:
    def __init__(self, simulator: Simulator, connection: Connection, surface: Surface) -> None:
        scope = connection.scope
        self.simulator = simulator
        self.connection = connection
        self.surface = surface
        self.started = time.perf_counter()
        self.path: str = scope["path"]
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        self.entry = simulator.log.open(
            method=scope["method"], path=self.path, headers=scope["headers"], surface=surface
        )
        self.identity = f"{self.entry.seq:020x}"
        """Unique to the request and repeatable: its number since the simulator started."""
        self.request_id = f"req_{self.identity}"
        self.api_key = ""
        self.model = ""
        self.behaviour: Behaviour | None = None
        self.is_fault_due = False

    def authenticate(self) -> None:
        """Finds the API key; Anthropic's surface takes it as `x-api-key` or, as its newer SDKs send it, as a bearer token.

        Raises ProviderError: 401 without a key or with one that contains `invalid`, 400 without Anthropic's version header.
        """
        if self.surface == "anthropic":
            self.api_key = self.headers.get(b"x-api-key", b"").decode("latin-1")
        if not self.api_key:
            scheme, _, key = self.headers.get(b"authorization", b"").decode("latin-1").partition(" ")
            self.api_key = key.strip() if scheme.lower() == "bearer" else ""
        if not self.api_key:
            raise faults.missing_key(self.surface)
        if "invalid" in self.api_key:
            raise faults.wrong_key(self.surface, self.api_key)
        if self.surface == "anthropic" and not self.headers.get(b"anthropic-version"):
            raise ProviderError(400, "anthropic-version: header is required")

    def decode(self, raw: bytes) -> Any:
        """The request's JSON. Raises ProviderError (400)."""
        keeps_bodies = self.simulator.log.size > 0
        try:
            body = msgspec.json.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            self.entry.raw_body = raw if keeps_bodies else None
            if self.surface == "anthropic":
                raise ProviderError(400, f"The request body is not valid JSON: {error}") from error
            raise ProviderError(400, "We could not parse the JSON body of your request.") from error
        if keeps_bodies:
            self.entry.body = body
        if isinstance(body, dict):
            model = body.get("model")
            self.entry.model = model if isinstance(model, str) else None
            self.entry.stream = body.get("stream") is True
        return body

    def behave(self, model: str) -> Behaviour:
        """Settles the request's behaviour. Once a request: it uses up counted rules. Raises ProviderError (400) for a bad model option."""
        table = self.simulator.behaviours
        self.model = model
        self.behaviour = table.resolve(model, path=self.path, api_key=self.api_key)
        self.is_fault_due = table.is_fault_due(self.behaviour, model)
        return self.behaviour

    def close(self, outcome: str, usage: Usage | None = None) -> None:
        """Ends the log entry. Done before the last byte is written, so that whoever has read it finds the entry."""
        self.simulator.log.close(self.entry, outcome, usage)

    def response_headers(self, content_type: bytes, extra: dict[str, str] | None = None) -> Headers:
        return headers_for(
            self.surface,
            request_id=self.request_id,
            started=self.started,
            content_type=content_type,
            behaviour=self.behaviour,
            extra=extra or {},
        )
