"""Where a request's time went, as bars."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

# In the order of the pipeline: the log keeps a JSON object, which has none.
STEPS = {
    "authenticate": _("Authenticate"),
    "validate": _("Validate"),
    "context": _("Optimise the context"),
    "route": _("Route"),
    "prefix": _("Look at the prefix"),
    "fingerprint": _("Fingerprint, for the cache"),
    "reserve": _("Reserve"),
    "flight": _("Wait for the same answer"),
    "embed": _("Embed the question"),
    "search": _("Look for a similar question"),
    "verify": _("Verify what was found"),
    "pause": _("Pause before the call"),
    "prepare": _("Prepare the call"),
    "provider": _("Provider answers"),
    "first_byte": _("Provider's first byte"),
    "process": _("Process the answer"),
    "judge": _("Judge the answer"),
    "stream": _("Stream"),
}
PROVIDERS_OWN = frozenset({"provider", "first_byte", "stream"})
THINNEST_PERCENT = 0.4  # still visible


@dataclass(frozen=True)
class Bar:
    """A step: when it began and how long it took, in percent of the whole (as CSS takes them) and in words."""

    name: Any
    left: str
    width: str
    duration: str
    is_provider: bool


def bars_from(steps_us: Mapping[str, int], begun: float, whole: float, *, rest_to: float | None = None) -> list[Bar]:
    """One attempt's steps, one after the other from `begun` on, in a whole of so many microseconds. What no step claims of the time until
    `rest_to` comes last."""
    known = [name for name in STEPS if name in steps_us]
    names = known + sorted(set(steps_us) - set(known))
    shown: list[Bar] = []
    for name in names:
        shown.append(_bar(STEPS.get(name, name), begun, steps_us[name], whole, is_provider=name in PROVIDERS_OWN))
        begun += steps_us[name]
    if shown and rest_to is not None and rest_to - begun > whole / 100:
        shown.append(_bar(_("Elsewhere"), begun, rest_to - begun, whole, is_provider=False))
    return shown


def _bar(name: Any, begun: float, took: float, whole: float, *, is_provider: bool) -> Bar:
    width = max(100 * took / whole, THINNEST_PERCENT)
    left = min(100 * begun / whole, 100 - width)
    return Bar(name, f"{left:.2f}", f"{width:.2f}", duration(took), is_provider)


def duration(microseconds: float) -> str:
    """With the unit and digits that say something: 85 µs, 1.2 ms, 340 ms, 2.31 s."""
    if microseconds < 1000:
        return f"{microseconds:.0f} µs"
    milliseconds = microseconds / 1000
    if milliseconds < 10:
        return f"{milliseconds:.1f} ms"
    return f"{milliseconds:.0f} ms" if milliseconds < 1000 else f"{milliseconds / 1000:.2f} s"
