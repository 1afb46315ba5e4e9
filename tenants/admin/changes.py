"""An audit entry in words: what was done to what, and each field's old and new value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from auditlog.models import LogEntry
from django.core.exceptions import FieldDoesNotExist
from django.urls import NoReverseMatch, reverse
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from tenants import audit
from tenants.accounts import events

NOTHING = "—"
SECURITY = LogEntry.Action.ACCESS  # what happens to accounts (`tenants.accounts.events`)
KINDS = {LogEntry.Action.CREATE: "success", LogEntry.Action.UPDATE: "info", LogEntry.Action.DELETE: "danger"}


@dataclass(frozen=True)
class FieldChange:
    field: str
    old: str
    new: str


@dataclass(frozen=True)
class Description:
    """What the templates show of an entry."""

    entry: LogEntry
    who: str
    kind: str
    did: str
    what: str
    row_url: str
    fields: list[FieldChange]


def described(entry: LogEntry) -> Description:
    model = entry.content_type.model_class()
    return Description(
        entry=entry,
        who=who(entry),
        kind=kind_of(entry),
        did=did(entry),
        what=str(model._meta.verbose_name) if model else entry.content_type.model,
        row_url=row_url(entry),
        fields=fields(entry),
    )


def event_of(entry: LogEntry) -> str:
    """What happened to an account, by its name in `tenants.accounts.events`; empty for a change of a row."""
    return str((entry.additional_data or {}).get("event", "")) if entry.action == SECURITY else ""


def did(entry: LogEntry) -> str:
    event = event_of(entry)
    return str(events.LABELS.get(event, event)) if event else entry.get_action_display()


def kind_of(entry: LogEntry) -> str:
    """A colour of `badge`."""
    event = event_of(entry)
    return ("danger" if event in events.FAILURES else "info") if event else KINDS.get(entry.action, "")


def who(entry: LogEntry) -> str:
    """The person, and the management key that did it for them."""
    person = str(entry.actor or entry.actor_email or _("Tollgate itself"))
    key = (entry.additional_data or {}).get(audit.BY_KEY)
    return str(_("%(person)s, by the management key %(key)s") % {"person": person, "key": key}) if key else person


def row_url(entry: LogEntry) -> str:
    """The admin page of the row the entry is about; empty if it is gone or has none."""
    if entry.action in (LogEntry.Action.DELETE, SECURITY):
        return ""
    kind = entry.content_type
    try:
        return reverse(f"admin:{kind.app_label}_{kind.model}_change", args=[entry.object_pk])
    except NoReverseMatch:
        return ""


def fields(entry: LogEntry) -> list[FieldChange]:
    """The changed fields by name; what was empty before and after is left out."""
    shown = []
    for name, change in sorted((entry.changes_dict or {}).items()):
        label = _label(entry, name)
        if isinstance(change, dict):  # a many-to-many field: {"operation": "add", "objects": [...]}
            names = ", ".join(change["objects"])
            shown.append(FieldChange(label, "" if change["operation"] == "add" else names, names))
            continue
        old, new = (_readable(value) for value in change)
        if (old, new) == ("(set)", "(set)"):
            new = str(_("(replaced)"))
        if old != new:
            shown.append(FieldChange(label, old, new))
    return shown


def _label(entry: LogEntry, name: str) -> str:
    model = entry.content_type.model_class()
    try:
        return str(capfirst(model._meta.get_field(name).verbose_name))
    except (AttributeError, FieldDoesNotExist):  # the model or the field is no more
        return name


def _readable(value: Any) -> str:
    return NOTHING if value in (None, "", "None", "[]", "(empty)") else str(value)
