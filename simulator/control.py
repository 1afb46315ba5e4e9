"""The control endpoints under `/__sim__/`: set and reset behaviour, read and clear the log. Not a part of any provider's format."""

from __future__ import annotations

import urllib.parse
from typing import TYPE_CHECKING, Any

import msgspec

from simulator.behaviour_table import Rule, StandingRule
from simulator.connection import Connection

if TYPE_CHECKING:
    from simulator.app import Simulator

CONTROL_BODY_BYTES = 4_000_000


class ControlError(Exception):
    """A control request that cannot be carried out; the message says what to mend."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


async def serve(simulator: Simulator, connection: Connection) -> None:
    scope = connection.scope
    raw = await connection.body(CONTROL_BODY_BYTES)
    try:
        query = dict(urllib.parse.parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
        status, payload = 200, _answer(simulator, scope["method"], scope["path"].removeprefix("/__sim__"), query, raw)
    except ControlError as error:
        status, payload = error.status, {"error": str(error)}
    body = msgspec.json.encode(payload)
    await connection.start(status, [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))])
    await connection.end(body)


def _answer(simulator: Simulator, method: str, path: str, query: dict[str, str], raw: bytes) -> Any:
    match (method, path):
        case ("POST", "/behaviour"):
            return _shown(simulator.behaviours.add(_rule(raw)))
        case ("GET", "/behaviour"):
            return {"rules": [_shown(standing) for standing in simulator.behaviours.rules()]}
        case ("DELETE", "/behaviour"):
            simulator.behaviours.reset()
            simulator.prefixes.reset()
            return {"reset": True}
        case ("GET", "/requests"):
            found = simulator.log.entries(
                limit=_number(query, "limit"), model=query.get("model"), since=_number(query, "since")
            )
            return {"requests": [entry.shown() for entry in found]}
        case ("DELETE", "/requests"):
            simulator.log.clear()
            return {"cleared": True}
        case ("GET", "/totals"):
            return simulator.log.totals()
    raise ControlError(404, f"There is no control endpoint {method} /__sim__{path}.")


def _rule(raw: bytes) -> Rule:
    try:
        options = msgspec.json.decode(raw)
        if isinstance(options, dict) and isinstance(options.get("fault"), int):
            options["fault"] = str(options["fault"])
        return msgspec.convert(options, Rule)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ControlError(400, f"Bad behaviour: {error}") from error


def _shown(standing: StandingRule) -> dict[str, Any]:
    return {"id": standing.id, "remaining": standing.remaining, "rule": standing.rule}


def _number(query: dict[str, str], name: str) -> int | None:
    text = query.get(name)
    if text is None:
        return None
    if not text.isdigit():
        raise ControlError(400, f"`{name}` must be a number of 0 or more, not '{text}'.")
    return int(text)
