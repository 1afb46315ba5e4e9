"""How long browsers keep the static files, where that is not whitenoise's minute."""

from __future__ import annotations

from collections.abc import MutableMapping

# Other sites' pages load it by this address for good, so a new one reaches them within the hour; until then nobody waits for it.
EMBEDDED_ELSEWHERE = ("tollgate/feedback.js",)


def add(headers: MutableMapping[str, str], path: str, url: str) -> None:
    """Called by whitenoise for each file as it is first served."""
    if url.endswith(EMBEDDED_ELSEWHERE):
        headers["Cache-Control"] = "public, max-age=3600, stale-while-revalidate=86400"
