"""Whether an API key may be saved as it is, besides what its fields say by themselves. For the pages, and whatever else may edit keys."""

from __future__ import annotations

import datetime as dt
import difflib
from collections.abc import Iterable
from uuid import UUID

from django.db.models import Q
from django.utils.translation import gettext as _

from gateway.models import Model, Task


def models_of(tenant_id: UUID) -> list[tuple[str, str]]:
    """(name, provider) of the models that a key of the tenant's may be limited to: its own first."""
    rows = Model.objects.filter(Q(tenant=None) | Q(tenant_id=tenant_id), is_active=True).order_by("tenant_id", "name")
    return list(dict(rows.values_list("name", "provider__name")).items())


def tasks_of(tenant_id: UUID) -> list[tuple[str, str]]:
    """(slug, name) of the tasks that a key of the tenant's may be limited to."""
    rows = Task.objects.filter(Q(tenant=None) | Q(tenant_id=tenant_id), is_active=True).order_by("tenant_id", "slug")
    return list(dict(rows.values_list("slug", "name")).items())


def unknown_models(tenant_id: UUID, names: Iterable[str]) -> list[str]:
    """A sentence for each name that the tenant has no model of, with the one that may be meant."""
    visible = Model.objects.filter(Q(tenant=None) | Q(tenant_id=tenant_id))
    return _unknown(names, visible.values_list("name", flat=True), _("This tenant has no model “%(name)s”."))


def unknown_tasks(tenant_id: UUID, slugs: Iterable[str]) -> list[str]:
    visible = Task.objects.filter(Q(tenant=None) | Q(tenant_id=tenant_id))
    return _unknown(slugs, visible.values_list("slug", flat=True), _("This tenant has no task “%(name)s”."))


def past_expiry(expires_at: dt.datetime | None, now: dt.datetime) -> str:
    """Why a key cannot be given this end; empty if it can."""
    return (
        _("This is over already. To end a key now, revoke it.") if expires_at is not None and expires_at <= now else ""
    )


def _unknown(names: Iterable[str], known: Iterable[str], text: str) -> list[str]:
    asked = list(names)
    there = set(known) if asked else set()
    found = []
    for name in asked:
        if name not in there:
            near = difflib.get_close_matches(name, there, n=1)
            hint = _(" Did you mean “%(near)s”?") % {"near": near[0]} if near else ""
            found.append(f"{text % {'name': name}}{hint}")
    return found
