"""What has become of a budget: who changed what, and what was crossed, in words on one line of time."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from auditlog.models import LogEntry
from django.utils import formats, timezone
from django.utils.dateparse import parse_datetime
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from billing import alert_messages, sentences
from billing.models import Alert, AlertChannel, Budget
from tenants import audit

PER_PAGE = 30
NOTHING = (None, "", "None", "[]")
Action = LogEntry.Action


@dataclass(frozen=True)
class Event:
    """`kind` is change, warning or critical. `who` is empty where nobody did it."""

    at: dt.datetime
    kind: str
    who: str
    text: str


@dataclass(frozen=True)
class Page:
    """The latest first. `earlier`: from when on to ask for more; None if that is all."""

    events: tuple[Event, ...]
    earlier: dt.datetime | None


def of(budget: Budget, *, before: dt.datetime | None = None) -> Page:
    """A page of the events before that time."""
    entries = audit.history_of(budget)
    crossings = alert_messages.with_key_names(Alert.objects.filter(tenant_id=budget.tenant_id, source=str(budget.pk)))
    if before is not None:
        entries, crossings = entries.filter(timestamp__lt=before), crossings.filter(crossed_at__lt=before)
    channels = {
        str(pk): name for pk, name in AlertChannel.objects.filter(tenant_id=budget.tenant_id).values_list("pk", "name")
    }
    events = [_change(entry, budget, channels) for entry in entries[: PER_PAGE + 1]]
    latest = crossings.order_by("-crossed_at", "-threshold", "-id")
    events += [_crossing(alert) for alert in latest[: PER_PAGE + 1]]
    events = sorted((event for event in events if event.text), key=lambda event: event.at, reverse=True)
    shown = tuple(events[:PER_PAGE])
    return Page(shown, shown[-1].at if len(events) > PER_PAGE else None)


def _crossing(alert: Any) -> Event:
    whose = alert_messages.subject_name(alert)
    words = {"percent": alert.threshold, "used": alert_messages.quantities(alert), "whose": whose}
    if alert.threshold >= 100:
        text = _("Used up by %(whose)s: %(used)s.") if whose else _("Used up: %(used)s.")
    else:
        text = _("%(whose)s crossed %(percent)s %%: %(used)s.") if whose else _("Crossed %(percent)s %%: %(used)s.")
    return Event(alert.crossed_at, alert.severity, "", text % words)


def _change(entry: LogEntry, budget: Budget, channels: dict[str, str]) -> Event:
    model = entry.content_type.model
    said = _of_raise(entry, budget) if model == "budgetraise" else _of_budget(entry, budget, channels)
    text = " ".join(f"{capfirst(sentence)}." for sentence in said)
    return Event(entry.timestamp, "change", _who(entry), text)


def _who(entry: LogEntry) -> str:
    person = entry.actor
    if person is None:
        return str(entry.actor_email or _("Tollgate"))
    return str(person.get_full_name() or person.get_username())


def _of_budget(entry: LogEntry, budget: Budget, channels: dict[str, str]) -> Iterator[str]:
    if entry.action == Action.CREATE:
        yield _("made this budget")
        return
    changes = entry.changes_dict or {}
    metric = str(changes["metric"][0]) if "metric" in changes else budget.metric
    for field, (old, new) in sorted(changes.items()):
        if old in NOTHING and new in NOTHING:
            continue
        words = {"old": _value(field, old, metric, channels), "new": _value(field, new, budget.metric, channels)}
        if field == "is_active":
            yield _("switched it on") if str(new) == "True" else _("switched it off")
        elif field == "amount":
            yield _("changed the amount from %(old)s to %(new)s") % words
        elif field == "name":
            yield _("renamed it from “%(old)s” to “%(new)s”") % words
        elif field == "thresholds":
            yield _("set the alerts at %(new)s (before: %(old)s)") % words
        elif field == "channel_ids":
            yield _("let alerts go to %(new)s (before: %(old)s)") % words
        else:
            yield _("changed “%(field)s” from %(old)s to %(new)s") % {**words, "field": _label(field)}


def _of_raise(entry: LogEntry, budget: Budget) -> Iterator[str]:
    changes = entry.changes_dict or {}
    old, new = ({field: pair[side] for field, pair in changes.items()} for side in (0, 1))
    if entry.action == Action.CREATE:
        words = {
            "amount": _value("amount", new.get("amount"), budget.metric, {}),
            "until": _time(new.get("ends_at")),
            "reason": new.get("reason", ""),
        }
        yield _("raised it to %(amount)s until %(until)s, because: %(reason)s") % words
    elif entry.action == Action.DELETE:
        yield _("took back the raise to %(amount)s") % {
            "amount": _value("amount", old.get("amount"), budget.metric, {})
        }
    elif "ends_at" in changes:
        yield _("moved the end of the raise from %(old)s to %(new)s") % {
            "old": _time(old["ends_at"]),
            "new": _time(new["ends_at"]),
        }
    else:
        yield _("changed a raise")


def _label(field: str) -> str:
    return str(Budget._meta.get_field(field).verbose_name)  # type: ignore[union-attr]


def _value(field: str, value: Any, metric: str, channels: dict[str, str]) -> str:
    """An audit entry's text as people write it; as it stands, if it cannot be read."""
    if field == "channel_ids":
        return _("all channels") if value in NOTHING[:3] else _names(str(value), channels)
    if value in NOTHING:
        return _("nothing")
    if field == "amount":
        try:
            return sentences.quantity(metric, Decimal(str(value)))
        except (InvalidOperation, ValueError):
            return str(value)
    if field == "thresholds":
        return f"{str(value).strip('[]')} %"
    if field in ("cheaper_at", "cached_only_at"):
        return f"{value} %"
    if field in ("scope", "metric", "window"):
        kinds: Any = {"scope": Budget.Scope, "metric": Budget.Metric, "window": Budget.Window}[field]
        return f"“{dict(kinds.choices).get(str(value), value)}”"
    return f"“{value}”"


def _names(value: str, channels: dict[str, str]) -> str:
    """The channels' names out of what the audit trail has kept of a list of their ids."""
    found = [name for pk, name in channels.items() if pk in value]
    return ", ".join(found) or _("nobody")


def _time(value: Any) -> str:
    try:
        at = parse_datetime(str(value))
    except ValueError:
        at = None
    if at is None:
        return str(value)
    at = at if timezone.is_aware(at) else at.replace(tzinfo=dt.UTC)
    return formats.date_format(timezone.localtime(at), "DATETIME_FORMAT")
