"""The line above the panels: tabs, range, comparison, filters, each a link to the same page a little different."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _

from dashboards import choices
from dashboards.metrics import Unit
from dashboards.pages import words
from dashboards.pages.asked import DIMENSIONS, NONE, PRESET_NAMES, Asked, iso
from dashboards.pages.names import names_of
from dashboards.ranges import Range

STATUSES = ("2xx", "4xx", "5xx", "429", "499")
FREE = ("end_user", "feature", "tag")  # typed in: there are too many to choose from


@dataclass(frozen=True)
class Link:
    label: str
    href: str
    is_here: bool = False
    key: str = ""


@dataclass(frozen=True)
class Field:
    """`choices` of a list to choose from, or hints for what is typed in where it `is_free`."""

    name: str
    label: str
    choices: tuple[tuple[str, str], ...]
    is_free: bool = False


@dataclass(frozen=True)
class Toolbar:
    presets: tuple[Link, ...]
    span: str
    is_days: bool
    is_custom: bool
    start: str
    end: str
    zone: str
    compare: Link
    live: Link
    wider: str
    chips: tuple[Link, ...]
    clear: str
    fields: tuple[Field, ...]
    kept: tuple[tuple[str, str], ...]
    kept_range: tuple[tuple[str, str], ...]
    kept_search: tuple[tuple[str, str], ...]
    problem: str = ""
    breakdown: tuple[Link, ...] = field(default=())


def toolbar(asked: Asked, dimensions: Sequence[str] = (), by: str = "") -> Toolbar:
    """`dimensions`: by which the page can be broken down, now `by` this one; none: it cannot."""
    span = asked.view.range
    flags = {"compare": asked.is_compared, "live": asked.is_live}
    labels = {"compare": _("Compare with the period before"), "live": _("Refresh by itself")}
    toggles = {
        name: Link(labels[name], asked.query({name: None if is_on else "1"}), is_on, name)
        for name, is_on in flags.items()
    }
    length = span.end - span.start
    pairs = [(name, value) for name, values in asked.parameters.items() for value in values]
    return Toolbar(
        presets=tuple(
            Link(str(label), asked.ranged(name), span.name == name, name) for name, label in PRESET_NAMES.items()
        ),
        span=spelled(span),
        is_days=span.is_whole_days,
        is_custom=span.name == "custom",
        start=iso(span.start),
        end=iso(min(span.end, span.now) if span.end > span.now > span.start else span.end),
        zone=span.zone.key,
        compare=toggles["compare"],
        live=toggles["live"],
        wider=asked.spanning(span.start - length / 2, min(span.end + length / 2, max(span.now, span.end))),
        chips=_chips(asked),
        clear=asked.query(dict.fromkeys([*DIMENSIONS, "slower"])),
        fields=_fields(asked),
        kept=tuple(pairs),
        kept_range=tuple((name, value) for name, value in pairs if name not in ("range", "from", "to")),
        kept_search=tuple((name, value) for name, value in pairs if name != "q"),
        problem=asked.problem,
        breakdown=()
        if len(dimensions) < 2
        else tuple(
            Link(
                str(words.DIMENSION_NAMES[name]),
                asked.query({"by": None if place == 0 else name}),
                name == by,
                name,
            )
            for place, name in enumerate(dimensions)
        ),
    )


def spelled(span: Range) -> str:
    """The range in words, in its zone."""
    start, end = (at.astimezone(span.zone) for at in (span.start, span.end))
    if span.is_whole_days:
        last = (span.end - dt.timedelta(minutes=1)).astimezone(span.zone)
        return f"{start:%-d %b %Y}" if start.date() == last.date() else f"{start:%-d %b} – {last:%-d %b %Y}"
    if start.date() == end.date():
        return f"{start:%-d %b %Y, %H:%M} – {end:%H:%M}"
    return f"{start:%-d %b, %H:%M} – {end:%-d %b, %H:%M}"


def _chips(asked: Asked) -> tuple[Link, ...]:
    """What the page is narrowed down to; each link takes one away."""
    found = []
    for name, values in asked.view.filters.values.items():
        names = names_of(name, values)
        for value in values:
            left = [item or NONE for item in values if item != value]
            label = f"{words.DIMENSION_NAMES[name]}: {words.value_name(name, value, names)}"
            found.append(Link(label, asked.query({name: left or None}), key=f"{name}-{value or NONE}"))
    if asked.slower_ms is not None:
        took = words.written(asked.slower_ms, Unit.MS)
        found.append(Link(_("Slower than %(took)s") % {"took": took}, asked.query({"slower": None}), key="slower"))
    return tuple(found)


def _fields(asked: Asked) -> tuple[Field, ...]:
    known = choices.choices(asked.view.scope)
    present = asked.view.filters.values
    return tuple(
        Field(name, str(words.DIMENSION_NAMES[name]), _options(name, known, present.get(name, [])), name in FREE)
        for name in ("task", "endpoint", "model", "provider", "key", "status", "error", *FREE)
    )


def _options(name: str, known: Mapping[str, Sequence[str]], present: Sequence[str]) -> tuple[tuple[str, str], ...]:
    values: Sequence[Any] = known.get(name, ())
    if name == "status":
        values = [*STATUSES, *(value for value in values if value not in STATUSES)]
    elif name == "error":
        values = list(words.ERROR_NAMES)
    values = [value for value in values if value not in present]
    names = names_of(name, values)
    if name in FREE:
        return tuple((value, value) for value in values if value)
    return tuple((value or NONE, words.value_name(name, value, names)) for value in values)
