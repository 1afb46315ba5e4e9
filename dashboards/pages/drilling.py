"""The requests behind a chart: the same range and filters, newest first, each leading to its page in the request log."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from dashboards import requests
from dashboards.metrics import Unit
from dashboards.pages import words
from dashboards.pages.asked import Asked
from dashboards.pages.names import names_of
from dashboards.requests import Cursor
from gateway.admin.request_search import parse_id
from gateway.models import RequestLog

_CACHES = ("hit", "semantic", "stale")
_TONES = {"ok": "good", "refused": "warn", "client_left": ""}


@dataclass(frozen=True)
class Row:
    """A request as the list shows it."""

    link: str
    at: dt.datetime
    model: str
    provider: str
    what: str
    key: str
    status: int
    outcome: str
    tone: str
    error: str
    tokens: str
    cost: str
    latency: str
    first_token: str
    tenant: str


@dataclass(frozen=True)
class Listing:
    """`older` leads to what follows; empty: that is all. `searched_to`: how far back a search has come that was stopped."""

    rows: tuple[Row, ...]
    older: str = ""
    searched_to: dt.datetime | None = None


def listing(asked: Asked, *, before: str = "") -> Listing:
    """Raises `planning.Unanswerable`."""
    text = asked.text
    request_id = parse_id(text) if text else None
    if request_id is not None:
        return Listing(_rows(requests.find(asked.view, request_id), asked))
    page = requests.page(
        asked.view, text=text, before=cursor(before), is_final_only=True, slower_than_ms=asked.slower_ms
    )
    older = ""
    if page.after is not None:
        older = asked.query({"before": f"{page.after.at.isoformat()}_{page.after.row_id}"})
    return Listing(_rows(page.rows, asked), older, page.after.at if page.is_cut and page.after is not None else None)


def cursor(text: str) -> Cursor | None:
    """What `listing` has put into an address; None for what it has not."""
    at, _line, row_id = text.partition("_")
    try:
        return Cursor(dt.datetime.fromisoformat(at).astimezone(dt.UTC), UUID(row_id))
    except (ValueError, OverflowError):
        return None


def _rows(found: tuple[RequestLog, ...], asked: Asked) -> tuple[Row, ...]:
    keys = names_of("key", {str(row.api_key_id) for row in found})
    is_across = asked.view.scope.is_across
    tenants = names_of("tenant", {str(row.tenant_id) for row in found}) if is_across else {}
    return tuple(_row(row, keys, tenants, is_across=is_across) for row in found)


def _row(row: RequestLog, keys: Mapping[str, str], tenants: Mapping[str, str], *, is_across: bool) -> Row:
    first: Any = row.ttft_ms
    return Row(
        link=reverse("admin:gateway_requestlog_change", args=[row.pk]),
        at=timezone.localtime(row.accepted_at),
        model=row.model_served or row.model_asked,
        provider=_("from a cache") if row.cache in _CACHES else row.provider or _("no provider called"),
        what=row.task or row.endpoint,
        key=words.value_name("key", str(row.api_key_id), keys),
        status=row.status,
        outcome=row.get_outcome_display(),
        tone=_TONES.get(row.outcome, "bad"),
        error=row.error_type if row.outcome != "ok" else "",
        tokens=f"{row.input_tokens:,} → {row.output_tokens:,}",
        cost=words.written(row.cost_usd, Unit.USD) if row.is_priced else _("not priced"),
        latency=words.written(row.latency_ms, Unit.MS),
        first_token=words.written(first, Unit.MS) if first is not None else "",
        tenant=words.value_name("tenant", str(row.tenant_id), tenants) if is_across else "",
    )
