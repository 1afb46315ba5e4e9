"""What a dashboard's address asks for, and the addresses that ask for something a little different.

Everything that a page shows is in its query string, so a link shows another person the same. What is not understood is left out, and said.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from urllib.parse import urlencode
from uuid import UUID
from zoneinfo import ZoneInfo

from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from dashboards import errors, ranges
from dashboards.filters import STATUS_CLASS, Filters
from dashboards.quality import PROMPT
from dashboards.ranges import MONTH_TO_DATE, Range
from dashboards.reading import View
from dashboards.scopes import Scope

DEFAULT = "24h"
NONE = "(none)"  # how an address spells the value of requests that have none
MOST_VALUES, LONGEST = 20, 256
DIMENSIONS = tuple(item.name for item in fields(Filters))
YEARS = range(2000, 2101)

PRESET_NAMES = {
    "1h": gettext_lazy("Last hour"),
    "6h": gettext_lazy("Last 6 hours"),
    "24h": gettext_lazy("Last 24 hours"),
    "7d": gettext_lazy("Last 7 days"),
    "30d": gettext_lazy("Last 30 days"),
    "90d": gettext_lazy("Last 90 days"),
    MONTH_TO_DATE: gettext_lazy("This month"),
}


@dataclass(frozen=True)
class Asked:
    """`by`: the dimension that the page is broken down by, as far as it offers it; `slower_ms`: only requests that took longer, and `text`:
    that are found by it, both for the list of requests; `problem`: what was not understood, for people.
    """

    view: View
    by: str = ""
    is_compared: bool = False
    is_live: bool = False
    slower_ms: float | None = None
    tenant: str = ""
    text: str = ""
    problem: str = ""

    @property
    def parameters(self) -> dict[str, list[str]]:
        """As the query string has them; what is the default anyway is left out."""
        span = self.view.range
        found: dict[str, list[str]] = {}
        if span.name == "custom":
            found |= {"from": [iso(span.start)], "to": [iso(span.end)]}
        elif span.name != DEFAULT:
            found["range"] = [span.name]
        found |= {name: [value or NONE for value in values] for name, values in self.view.filters.values.items()}
        flags = {"compare": self.is_compared, "live": self.is_live}
        found |= {name: ["1"] for name, is_on in flags.items() if is_on}
        if self.slower_ms is not None:
            found["slower"] = [f"{self.slower_ms:g}"]
        found |= {
            name: [value] for name, value in (("by", self.by), ("tenant", self.tenant), ("q", self.text)) if value
        }
        return found

    def query(self, changes: Mapping[str, Iterable[str] | str | None] | None = None) -> str:
        """The query string of this, with some parameters changed; those of None are left out."""
        found = self.parameters
        for name, value in (changes or {}).items():
            found.pop(name, None)
            if value is not None:
                found[name] = [value] if isinstance(value, str) else list(value)
        return "?" + urlencode(found, doseq=True)

    def ranged(self, name: str) -> str:
        return self.query({"range": None if name == DEFAULT else name, "from": None, "to": None})

    def spanning(self, start: dt.datetime, end: dt.datetime) -> str:
        return self.query({"range": None, "from": iso(start), "to": iso(end)})


def understood(data: QueryDict, scope: Scope, zone: ZoneInfo, now: dt.datetime, *, tenant: str = "") -> Asked:
    """What the query string asks for. Never raises."""
    span, problem = _range(data, zone, now)
    return Asked(
        view=View(scope, span, _filters(data)),
        by=data.get("by", "") if data.get("by", "") in (*DIMENSIONS, PROMPT) else "",
        is_compared=data.get("compare") == "1",
        is_live=data.get("live") == "1",
        slower_ms=_milliseconds(data.get("slower", "")),
        tenant=tenant,
        text=data.get("q", "").strip()[:LONGEST].replace("\0", ""),
        problem=problem,
    )


def iso(at: dt.datetime) -> str:
    return at.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%MZ")


def _range(data: QueryDict, zone: ZoneInfo, now: dt.datetime) -> tuple[Range, str]:
    default = ranges.preset(DEFAULT, now, zone)
    if data.get("from") or data.get("to"):
        start, end = _time(data.get("from", ""), zone), _time(data.get("to", ""), zone)
        if start is None or end is None:
            return default, _("Give both a beginning and an end. These are the last 24 hours.")
        try:
            span = ranges.custom(start, end, now, zone)
            span.edges  # noqa: B018 - raises where there are too many
        except (ValueError, OverflowError):
            return default, _("A range ends after it begins. These are the last 24 hours.")
        return span, ""
    name = data.get("range", "") or DEFAULT
    if name not in PRESET_NAMES:
        return default, _("There is no such range. These are the last 24 hours.")
    return ranges.preset(name, now, zone), ""


def _time(text: str, zone: ZoneInfo) -> dt.datetime | None:
    """A time with its offset, or as the clock on the wall of the zone shows it."""
    try:
        at = dt.datetime.fromisoformat(text)
        at = at if at.tzinfo else at.replace(tzinfo=zone)
        return at if at.year in YEARS else None
    except (ValueError, OverflowError):
        return None


def _filters(data: QueryDict) -> Filters:
    found = {}
    for name in DIMENSIONS:
        given = dict.fromkeys(value[:LONGEST].replace("\0", "") for value in data.getlist(name)[:MOST_VALUES] if value)
        values = tuple("" if value == NONE else value for value in given if value == NONE or _is_value(name, value))
        if values:
            found[name] = values
    return Filters(**found)


def _is_value(name: str, value: str) -> bool:
    """Whether the dimension can have it at all."""
    if name == "key":
        try:
            return str(UUID(value)) == value
        except ValueError:
            return False
    if name == "status":
        return bool(STATUS_CLASS.match(value)) or (value.isascii() and value.isdecimal() and len(value) == 3)
    if name == "error":
        return value in errors.ALL
    return value in ("true", "false") if name == "stream" else True


def _milliseconds(text: str) -> float | None:
    try:
        found = float(text)
    except ValueError:
        return None
    return found if 0 < found < 10**9 else None
