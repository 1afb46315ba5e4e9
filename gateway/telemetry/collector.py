"""The collector of traces: sends it spans by the SDK's exporter, and tells what it refuses for good from what it may take later.

A status that speaks of what was sent (400, 413, 422 …) says the same the next time. One that speaks of who asks or where (401, 403, 404 …)
is mended by whoever runs the two, and until then is like a collector that is away; so are 408, 429, what begins with 5, and silence.
"""

from __future__ import annotations

import enum
import os
import threading
from collections.abc import Sequence
from typing import Any

import requests
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult

LATER = frozenset({401, 403, 404, 405, 407, 408, 421, 425, 429})
# Then the SDK has the session made elsewhere, and what its answers are is not to be seen.
_SESSIONS_OF_OTHERS = (
    "OTEL_PYTHON_EXPORTER_OTLP_HTTP_CREDENTIAL_PROVIDER",
    "OTEL_PYTHON_EXPORTER_OTLP_HTTP_TRACES_CREDENTIAL_PROVIDER",
)


class Reply(enum.Enum):
    """`REFUSED`: the same spans will never be taken."""

    TAKEN = "taken"
    AWAY = "away"
    REFUSED = "refused"


class Collector:
    """As the OTEL_EXPORTER_OTLP_* variables say: endpoint, headers, timeout, certificate, compression. The SDK logs what is not taken."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._status = 0
        session = None if any(os.environ.get(name) for name in _SESSIONS_OF_OTHERS) else requests.Session()
        if session is not None:
            session.hooks["response"].append(self._note)
        # No limit of our own: the collector's is what counts, and it says so (413).
        self._exporter = OTLPSpanExporter(session=session, max_request_size=0)

    def send(self, spans: Sequence[ReadableSpan]) -> Reply:
        """Waits for as long as the timeout that is set, in which the SDK tries again by itself."""
        with self._lock:
            self._status = 0
            if self._exporter.export(spans) is SpanExportResult.SUCCESS:
                return Reply.TAKEN
            return Reply.REFUSED if 400 <= self._status < 500 and self._status not in LATER else Reply.AWAY

    def _note(self, response: Any, *_args: Any, **_options: Any) -> None:
        self._status = response.status_code
