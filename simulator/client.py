"""A small synchronous client of the control endpoints, of the standard library alone."""

from __future__ import annotations

import http.client
import json
import urllib.parse
from typing import Any

TIMEOUT_SECONDS = 30.0


class SimulatorRefused(RuntimeError):
    """The simulator did not accept a control request; the message says why."""


class SimulatorClient:
    """Each call opens and closes its own connection. Raises SimulatorRefused, or OSError when the simulator is not there."""

    def __init__(self, base_url: str) -> None:
        parts = urllib.parse.urlsplit(base_url)
        if parts.hostname is None:
            raise ValueError(f"not a simulator's address: {base_url!r}")
        self.base_url = base_url.rstrip("/")
        self._host = parts.hostname
        self._port = parts.port or 80

    def behave(self, **options: Any) -> int:
        """Sets a behaviour, with the options of `Rule`, over those set before. Returns its id."""
        identity: int = self._call("POST", "/__sim__/behaviour", options)["id"]
        return identity

    def reset(self) -> None:
        """Removes all behaviours, answers those who wait their latency out, and empties the prompt caches."""
        self._call("DELETE", "/__sim__/behaviour")

    def requests(
        self, *, limit: int | None = None, model: str | None = None, since: int | None = None
    ) -> list[dict[str, Any]]:
        """What was received, oldest first; with a limit the newest of it, with `since` what came after that sequence number."""
        given = {
            name: value for name, value in (("limit", limit), ("model", model), ("since", since)) if value is not None
        }
        found: list[dict[str, Any]] = self._call("GET", f"/__sim__/requests?{urllib.parse.urlencode(given)}")[
            "requests"
        ]
        return found

    def totals(self) -> dict[str, Any]:
        """Counts and summed usage since the start or the last `clear`, by model and by outcome."""
        found: dict[str, Any] = self._call("GET", "/__sim__/totals")
        return found

    def clear(self) -> None:
        """Empties the log and the totals."""
        self._call("DELETE", "/__sim__/requests")

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        connection = http.client.HTTPConnection(self._host, self._port, timeout=TIMEOUT_SECONDS)
        try:
            connection.request(
                method, path, None if body is None else json.dumps(body), {"content-type": "application/json"}
            )
            response = connection.getresponse()
            answer = json.loads(response.read())
        finally:
            connection.close()
        if response.status != 200:
            raise SimulatorRefused(answer.get("error", f"status {response.status}"))
        return answer
