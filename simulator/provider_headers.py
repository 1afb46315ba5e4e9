"""The response headers that each provider sends beside its body."""

from __future__ import annotations

import datetime
import functools
import time

from simulator.ask import Surface
from simulator.behaviour import Behaviour

Headers = list[tuple[bytes, bytes]]

_OPENAI = [
    (b"openai-version", b"2020-10-01"),
    (b"openai-organization", b"simulator"),
    (b"x-ratelimit-limit-requests", b"10000"),
    (b"x-ratelimit-limit-tokens", b"2000000"),
    (b"x-ratelimit-remaining-requests", b"9999"),
    (b"x-ratelimit-remaining-tokens", b"1999000"),
    (b"x-ratelimit-reset-requests", b"6ms"),
    (b"x-ratelimit-reset-tokens", b"30ms"),
]
_ANTHROPIC = [
    (b"anthropic-organization-id", b"00000000-0000-4000-8000-000000000000"),
    (b"anthropic-ratelimit-requests-limit", b"4000"),
    (b"anthropic-ratelimit-requests-remaining", b"3999"),
    (b"anthropic-ratelimit-input-tokens-limit", b"2000000"),
    (b"anthropic-ratelimit-input-tokens-remaining", b"1999000"),
    (b"anthropic-ratelimit-output-tokens-limit", b"400000"),
    (b"anthropic-ratelimit-output-tokens-remaining", b"399000"),
    (b"anthropic-ratelimit-tokens-limit", b"2400000"),
    (b"anthropic-ratelimit-tokens-remaining", b"2398000"),
]
_RESETS = ("requests", "input-tokens", "output-tokens", "tokens")


@functools.lru_cache(maxsize=4)
def _anthropic_at(second: int) -> Headers:
    reset = datetime.datetime.fromtimestamp(second + 60, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ").encode()
    return _ANTHROPIC + [(f"anthropic-ratelimit-{name}-reset".encode(), reset) for name in _RESETS]


def headers_for(
    surface: Surface,
    *,
    request_id: str,
    started: float,
    content_type: bytes,
    behaviour: Behaviour | None,
    extra: dict[str, str],
) -> Headers:
    """`started` is by time.perf_counter(). A behaviour's own headers replace those of the same name."""
    if surface == "openai":
        spent = b"%d" % max(1, int((time.perf_counter() - started) * 1000))
        headers = [
            (b"content-type", content_type),
            (b"x-request-id", request_id.encode()),
            (b"openai-processing-ms", spent),
            *_OPENAI,
        ]
    else:
        headers = [
            (b"content-type", content_type),
            (b"request-id", request_id.encode()),
            *_anthropic_at(int(time.time())),
        ]
    added = {**extra, **((behaviour.headers or {}) if behaviour else {})}
    if not added:
        return headers
    encoded = {
        name.lower().encode("latin-1", "replace"): value.encode("latin-1", "replace") for name, value in added.items()
    }
    return [(name, value) for name, value in headers if name not in encoded] + list(encoded.items())
